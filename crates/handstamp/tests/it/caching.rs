//! The runtime's view of its cache.

use http::StatusCode;

use crate::support::{Cluster, config};
use handstamp_testkit::until;

#[tokio::test]
async fn the_second_read_costs_the_store_nothing() {
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
        let stats = node.runtime.cache_stats();
        assert!(stats.hits >= 100 && stats.hit_rate() > 0.9, "{stats:?}");
        assert_eq!((node.runtime.size(), stats.size), (1, 1));
    }
}

#[tokio::test]
async fn a_route_that_does_not_look_at_the_session_loads_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.runtime.clear();
    let calls = node.faults.calls();
    assert_eq!(browser.get("/plain").await.status, StatusCode::OK);
    assert_eq!(browser.get("/health").await.status, StatusCode::OK);
    assert_eq!(node.faults.calls(), calls);
}

#[tokio::test]
async fn the_cache_is_bounded_and_can_be_done_without() {
    let cluster = Cluster::new();
    let small = cluster.node_with(config().local_cache_max_size(3)).await;
    for name in ["a", "b", "c", "d", "e"] {
        small.browser().login(name).await;
    }
    assert_eq!(small.runtime.size(), 3);
    assert_eq!(small.runtime.cache_stats().evictions, 2);
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
async fn copies_can_be_dropped_here_and_everywhere() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = one.browser();
    browser.login("ada").await;
    let (key, mut elsewhere) = (browser.session_key(), browser.on(&two));
    let warm = async |browser: &mut crate::support::Browser| assert_eq!(browser.me().await.unwrap(), "ada 0");

    warm(&mut browser).await;
    one.runtime.evict_from_cache(&key);
    assert_eq!(one.runtime.size(), 0);
    warm(&mut browser).await;
    one.runtime.clear();
    assert_eq!(one.runtime.size(), 0);

    warm(&mut browser).await;
    warm(&mut elsewhere).await;
    one.runtime.publish_invalidation(&key).await.unwrap();
    until("both have dropped it", async || one.runtime.size() + two.runtime.size() == 0).await;

    warm(&mut browser).await;
    warm(&mut elsewhere).await;
    two.runtime.publish_cache_clear().await.unwrap();
    until("both are empty", async || one.runtime.size() + two.runtime.size() == 0).await;
    warm(&mut browser).await;
}

#[tokio::test]
async fn a_node_tells_its_name_and_state() {
    let cluster = Cluster::new();
    let node = cluster.node_with(config().node_id("berlin-7")).await;
    assert_eq!(node.runtime.node_id().as_str(), "berlin-7");
    assert!(node.runtime.running() && node.runtime.healthy() && node.runtime.ready());
    node.runtime.shutdown().await;
    assert!(!node.runtime.running() && !node.runtime.ready());
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
        assert_eq!(node.faults.calls(), 0, "its cookie is none of theirs");
    }
}
