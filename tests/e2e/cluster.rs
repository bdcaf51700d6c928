use std::time::Duration;

use handstamp_testkit::{NodeProcess, RedisServer, random_secret};
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Browser, node_with, session_commands, three_nodes, until};

#[tokio::test]
async fn who_logs_in_on_one_node_is_logged_in_on_all() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for (number, node) in (1..).zip(&nodes) {
        assert_eq!(browser.me(node).await["node"], format!("node-{number}"));
        browser.post(node, "/visits").await;
    }
    // The last message to this node may still be under way.
    until("all of them count", async || browser.me(&nodes[1]).await["visits"] == 3).await;
}

#[tokio::test]
async fn the_second_read_costs_redis_nothing() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for node in &nodes {
        browser.me(node).await;
    }
    redis.reset_command_counts();
    for _ in 0..100 {
        for node in &nodes {
            browser.me(node).await;
        }
    }
    assert_eq!(session_commands(&redis), 0, "{:?}", redis.command_counts());
}

#[tokio::test]
async fn a_herd_on_a_cold_node_costs_redis_one_read() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    browser.post(&nodes[0], "/visits").await;
    redis.reset_command_counts();
    let mut herd = JoinSet::new();
    for _ in 0..500 {
        let me = browser.request(reqwest::Method::GET, &nodes[1].base_url(), "/me");
        herd.spawn(async move { me.send().await.unwrap().status() });
    }
    assert!(herd.join_all().await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(redis.command_counts().get("get"), Some(&1), "{:?}", redis.command_counts());
}

/// Every node has the session in its cache, for ten minutes; that the others refuse it at once is the message's
/// work. How long that takes is measured over several rounds, because a busy machine may stall any one of them.
#[tokio::test]
async fn a_logout_reaches_every_node_at_once() {
    let redis = RedisServer::start().await;
    let cached_for_long = [("LOCAL_CACHE_TTL", "10m"), ("LOCAL_CACHE_MAX_STALENESS", "1m")];
    let nodes = [(); 3].map(|()| node_with(&redis, &cached_for_long));
    let [one, two, three] = nodes;
    let nodes: [NodeProcess; 3] = tokio::join!(one, two, three).into();
    let mut delays = Vec::new();
    for _ in 0..9 {
        let mut browser = Browser::logged_in(&nodes[0], "ada").await;
        let mut thief = browser.clone();
        for node in &nodes {
            thief.me(node).await;
        }
        assert_eq!(browser.post(&nodes[0], "/logout").await.status(), StatusCode::NO_CONTENT);
        let answered = Instant::now();
        assert_eq!(thief.clone().status_of_me(&nodes[0]).await, StatusCode::UNAUTHORIZED);
        for node in &nodes[1..] {
            while thief.status_of_me(node).await != StatusCode::UNAUTHORIZED {
                assert!(answered.elapsed() < Duration::from_secs(30), "the logout never arrived");
            }
        }
        delays.push(answered.elapsed());
    }
    delays.sort();
    assert!(delays[delays.len() / 2] < Duration::from_millis(250), "{delays:?}");
}

#[tokio::test]
async fn no_update_is_lost_between_nodes() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    let mut requests = JoinSet::new();
    for node in nodes.iter().cycle().take(300) {
        let (url, browser) = (node.base_url(), browser.clone());
        requests.spawn(async move {
            let visit = browser.request(reqwest::Method::POST, &url, "/visits?hold_ms=50");
            let answer = visit.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            answer.json::<serde_json::Value>().await.unwrap()["visits"].as_u64()
        });
    }
    let mut counts = requests.join_all().await;
    counts.sort();
    assert_eq!(counts, (1..=300).map(Some).collect::<Vec<_>>(), "each is told its own number");
    // The last message to this node may still be under way.
    until("all of them count", async || browser.me(&nodes[1]).await["visits"] == 300).await;
}

#[tokio::test]
async fn a_logout_is_final_for_writes_under_way() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    let thief = browser.clone();
    let mut writes = JoinSet::new();
    for node in &nodes {
        let visit = thief.request(reqwest::Method::POST, &node.base_url(), "/visits?hold_ms=300");
        writes.spawn(async move { visit.send().await.unwrap() });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(browser.post(&nodes[0], "/logout").await.status(), StatusCode::NO_CONTENT);
    for answer in writes.join_all().await {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    }
    assert!(redis.keys().is_empty());
    for node in &nodes {
        assert_eq!(thief.clone().status_of_me(node).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn two_applications_on_one_redis_do_not_see_each_other() {
    let redis = RedisServer::start().await;
    let shop = node_with(&redis, &[("SESSION_NAMESPACE", "shop")]).await;
    let others = [
        node_with(&redis, &[("SESSION_NAMESPACE", "blog")]).await,
        node_with(&redis, &[("SESSION_CHANNEL", "blog:invalidate")]).await,
        node_with(&redis, &[("SESSION_SECRET", &random_secret())]).await,
    ];
    let mut browser = Browser::logged_in(&shop, "ada").await;
    for other in &others {
        assert_eq!(browser.clone().status_of_me(other).await, StatusCode::UNAUTHORIZED);
        let mut theirs = browser.clone();
        theirs.login(other, "bob").await;
        assert_eq!(theirs.me(other).await["username"], "bob");
        assert_eq!(browser.me(&shop).await["username"], "ada");
    }
    assert_eq!(redis.keys().len(), 1 + others.len());
}

#[tokio::test]
async fn a_session_ends_with_its_idle_timeout_and_its_lifetime_on_every_node() {
    let redis = RedisServer::start().await;
    let short = [("SESSION_TIMEOUT", "1s"), ("SESSION_LIFETIME", "3s")];
    let nodes = [node_with(&redis, &short).await, node_with(&redis, &short).await];
    let mut idle = Browser::logged_in(&nodes[0], "ada").await;
    idle.me(&nodes[1]).await;
    let mut busy = Browser::logged_in(&nodes[0], "bob").await;
    let started = Instant::now();
    let mut alternating = nodes.iter().cycle();
    // The waits are what is tested.
    while started.elapsed() < Duration::from_millis(2_500) {
        let status = busy.status_of_me(alternating.next().unwrap()).await;
        assert_eq!(status, StatusCode::OK, "after {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for node in &nodes {
        assert_eq!(idle.status_of_me(node).await, StatusCode::UNAUTHORIZED);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    for node in &nodes {
        assert_eq!(busy.status_of_me(node).await, StatusCode::UNAUTHORIZED);
    }
    assert!(redis.keys().is_empty());
}
