//! The local cache.

use http::StatusCode;

use crate::support::{Cluster, config};
use handstamp_testkit::until;

#[tokio::test]
async fn a_second_read_costs_no_store_command() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = one.browser();
    browser.login("ada").await;
    for node in [&one, &two] {
        let mut browser = browser.on(node);
        browser.me().await.unwrap();
        let calls = node.faults.calls();
        for _ in 0..100 {
            browser.me().await.unwrap();
        }
        assert_eq!(node.faults.calls(), calls);
        let stats = node.sessions.cache_stats();
        assert!(stats.hits >= 100 && stats.hit_rate() > 0.9, "{stats:?}");
        assert_eq!((node.sessions.cached_sessions(), stats.size), (1, 1));
    }
}

#[tokio::test]
async fn a_route_that_does_not_extract_the_session_loads_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.sessions.clear_local_cache();
    let calls = node.faults.calls();
    assert_eq!(browser.get("/plain").await.status, StatusCode::OK);
    assert_eq!(browser.get("/health").await.status, StatusCode::OK);
    assert_eq!(node.faults.calls(), calls);
}

#[tokio::test]
async fn the_cache_is_bounded_and_can_be_disabled() {
    let cluster = Cluster::new();
    let small = cluster.node_with(config().local_cache_max_size(3)).await;
    for name in ["a", "b", "c", "d", "e"] {
        small.browser().login(name).await;
    }
    assert_eq!(small.sessions.cached_sessions(), 3);
    assert_eq!(small.sessions.cache_stats().evictions, 2);
    let none = config().local_cache_max_size(0);
    let no_time = config().local_cache_ttl(std::time::Duration::ZERO);
    for config in [none, no_time] {
        let node = cluster.node_with(config).await;
        let mut browser = node.browser();
        browser.login("ada").await;
        let calls = node.faults.calls();
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(node.faults.calls(), calls + 2);
    }
}

#[tokio::test]
async fn copies_can_be_evicted_on_one_node_and_on_all() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = one.browser();
    browser.login("ada").await;
    let (key, mut elsewhere) = (browser.session_key(), browser.on(&two));
    let warm = async |browser: &mut crate::support::Browser| assert_eq!(browser.me().await.unwrap(), "ada 0");

    warm(&mut browser).await;
    one.sessions.evict_from_cache(&key);
    assert_eq!(one.sessions.cached_sessions(), 0);
    warm(&mut browser).await;
    one.sessions.clear_local_cache();
    assert_eq!(one.sessions.cached_sessions(), 0);

    warm(&mut browser).await;
    warm(&mut elsewhere).await;
    one.sessions.invalidate_everywhere(&key).await.unwrap();
    until("both have dropped it", async || {
        one.sessions.cached_sessions() + two.sessions.cached_sessions() == 0
    })
    .await;

    warm(&mut browser).await;
    warm(&mut elsewhere).await;
    two.sessions.clear_all_caches().await.unwrap();
    until("both are empty", async || one.sessions.cached_sessions() + two.sessions.cached_sessions() == 0)
        .await;
    warm(&mut browser).await;
}

#[tokio::test]
async fn a_node_reports_its_name_and_state() {
    let cluster = Cluster::new();
    let node = cluster.node_with(config().node_id("berlin-7")).await;
    assert_eq!(node.sessions.node_id().as_str(), "berlin-7");
    assert!(node.sessions.is_subscribed() && node.sessions.is_healthy() && node.sessions.is_ready());
    node.sessions.shutdown().await;
    assert!(!node.sessions.is_subscribed() && !node.sessions.is_ready());
}

#[tokio::test]
async fn two_applications_on_one_store_do_not_see_each_other() {
    let cluster = Cluster::new();
    let shop = cluster.node_with(config().session_namespace("shop")).await;
    let blog = cluster.node_with(config().session_namespace("blog")).await;
    let other_channel = cluster.node_with(config().session_channel("blog:invalidate")).await;
    let mut browser = shop.browser();
    browser.login("ada").await;
    for node in [&blog, &other_channel] {
        assert_eq!(browser.on(node).me().await, Err(StatusCode::UNAUTHORIZED));
        assert_eq!(node.faults.calls(), 0, "its cookie is not valid there");
    }
}
