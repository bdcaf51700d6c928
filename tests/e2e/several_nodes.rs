//! Several nodes on one Redis share sessions: logins, logouts, updates, timeouts.

use std::time::Duration;

use handstamp_testkit::{NodeProcess, PATIENCE, RedisServer, random_secret};
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{
    Browser, CACHED_FOR_LONG, loads, node, node_with, records, session_commands, three_nodes,
    three_nodes_with, until,
};

#[tokio::test]
async fn a_login_on_one_node_counts_on_all() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for (number, node) in (1..).zip(&nodes) {
        assert_eq!(browser.me(node).await["node"], format!("node-{number}"));
        browser.post(node, "/visits").await;
    }
    // The last message to this node may not have arrived yet.
    until("all visits are counted", async || browser.me(&nodes[1]).await["visits"] == 3).await;
}

#[tokio::test]
async fn the_second_read_costs_redis_nothing() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes_with(&redis, &CACHED_FOR_LONG).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for node in &nodes {
        browser.me(node).await;
    }
    redis.log_commands();
    for _ in 0..100 {
        for node in &nodes {
            browser.me(node).await;
        }
    }
    assert_eq!(session_commands(&redis), [""; 0]);
}

#[tokio::test]
async fn simultaneous_requests_to_a_cold_node_cost_redis_one_read() {
    let redis = RedisServer::start().await;
    // A load is shared for as long as its budget, and a busy machine takes a while to send 500 requests.
    let settings = [&CACHED_FOR_LONG[..], &[("SESSION_LOAD_BUDGET", "1m")]].concat();
    let nodes = three_nodes_with(&redis, &settings).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    browser.post(&nodes[0], "/visits").await;
    redis.log_commands();
    let mut requests = JoinSet::new();
    for _ in 0..500 {
        let me = browser.request(reqwest::Method::GET, &nodes[1].base_url(), "/me");
        requests.spawn(async move { me.send().await.unwrap().status() });
    }
    assert!(requests.join_all().await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(loads(&redis), 1, "{:?}", session_commands(&redis));
}

/// While a fleet changes from one driver to the other.
#[tokio::test]
async fn nodes_with_different_drivers_share_sessions() {
    let redis = RedisServer::start().await;
    let node = async |driver| {
        let settings = [&CACHED_FOR_LONG[..], &[("REDIS_DRIVER", driver), ("NODE_ID", driver)]].concat();
        node_with(&redis, &settings).await
    };
    let nodes = [node("fred").await, node("redis-rs").await];
    for [one, other] in [[&nodes[0], &nodes[1]], [&nodes[1], &nodes[0]]] {
        let mut browser = Browser::logged_in(one, "ada").await;
        let mut thief = browser.clone();
        thief.me(other).await;
        browser.post(one, "/visits").await;
        until("the visit is counted", async || thief.me(other).await["visits"] == 1).await;
        assert_eq!(browser.post(one, "/logout").await.status(), StatusCode::NO_CONTENT);
        until("the logout arrives", async || thief.status_of_me(other).await == StatusCode::UNAUTHORIZED)
            .await;
    }
}

/// Every node caches the session for ten minutes, so only the message can end it on the others before that.
#[tokio::test]
async fn a_logout_reaches_every_node() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes_with(&redis, &CACHED_FOR_LONG).await;
    for _ in 0..9 {
        let mut browser = Browser::logged_in(&nodes[0], "ada").await;
        let mut thief = browser.clone();
        for node in &nodes {
            thief.me(node).await;
        }
        assert_eq!(browser.post(&nodes[0], "/logout").await.status(), StatusCode::NO_CONTENT);
        assert_eq!(thief.clone().status_of_me(&nodes[0]).await, StatusCode::UNAUTHORIZED);
        for node in &nodes[1..] {
            until("the logout arrives", async || thief.status_of_me(node).await == StatusCode::UNAUTHORIZED)
                .await;
        }
    }
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
            let response = visit.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.json::<serde_json::Value>().await.unwrap()["visits"].as_u64()
        });
    }
    let mut counts = requests.join_all().await;
    counts.sort();
    assert_eq!(counts, (1..=300).map(Some).collect::<Vec<_>>(), "every response has its own number");
    // The last message to this node may not have arrived yet.
    until("all visits are counted", async || browser.me(&nodes[1]).await["visits"] == 300).await;
}

#[tokio::test]
async fn a_logout_is_final_for_writes_in_flight() {
    const HELD: Duration = Duration::from_secs(3);
    let redis = RedisServer::start().await;
    let (entrance, nodes) = tokio::join!(node(&redis, "entrance"), three_nodes(&redis));
    // If the logout takes longer than the writes are held, their order is unknown.
    while !ends_before_held_writes(&redis, &entrance, &nodes, HELD).await {}
}

/// Logs out while each node holds a write of the session. Returns whether the logout certainly came first.
async fn ends_before_held_writes(
    redis: &RedisServer,
    entrance: &NodeProcess,
    nodes: &[NodeProcess; 3],
    held: Duration,
) -> bool {
    let mut browser = Browser::logged_in(entrance, "ada").await;
    let thief = browser.clone();
    redis.log_commands();
    let begun = Instant::now();
    let mut writes = JoinSet::new();
    for node in nodes {
        let path = format!("/visits?hold_ms={}", held.as_millis());
        let visit = thief.request(reqwest::Method::POST, &node.base_url(), &path);
        writes.spawn(async move { visit.send().await.unwrap() });
    }
    until("every node has loaded the session", async || loads(redis) >= 3).await;
    assert_eq!(browser.post(entrance, "/logout").await.status(), StatusCode::NO_CONTENT);
    let came_first = begun.elapsed() < held;
    let responses = writes.join_all().await;
    if came_first {
        for response in responses {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(
                !response.headers().contains_key("set-cookie"),
                "the response may arrive after that of a login"
            );
        }
    }
    assert!(records(redis).is_empty());
    for node in nodes {
        assert_eq!(thief.clone().status_of_me(node).await, StatusCode::UNAUTHORIZED);
    }
    came_first
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
    assert_eq!(records(&redis).len(), 1 + others.len());
}

#[tokio::test]
async fn an_idle_session_ends_on_every_node() {
    let redis = RedisServer::start().await;
    let short = [&CACHED_FOR_LONG[..], &[("SESSION_TIMEOUT", "1s")]].concat();
    let nodes = [node_with(&redis, &short).await, node_with(&redis, &short).await];
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    browser.status_of_me(&nodes[1]).await;
    until("the record has expired", async || records(&redis).is_empty()).await;
    for node in &nodes {
        until("the node has noticed", async || browser.status_of_me(node).await == StatusCode::UNAUTHORIZED)
            .await;
    }
}

#[tokio::test]
async fn an_active_session_ends_with_its_lifetime_on_every_node() {
    let redis = RedisServer::start().await;
    let short = [&CACHED_FOR_LONG[..], &[("SESSION_TIMEOUT", "10s"), ("SESSION_LIFETIME", "12s")]].concat();
    let nodes = [node_with(&redis, &short).await, node_with(&redis, &short).await];
    // On a busy machine, the time between two uses may exceed the idle timeout.
    while !lives_to_its_end(&nodes, Duration::from_secs(10), Duration::from_secs(12)).await {}
    until("the record has expired", async || records(&redis).is_empty()).await;
}

/// Uses a session until it ends. Returns whether its lifetime was certainly the reason.
async fn lives_to_its_end(nodes: &[NodeProcess; 2], idle_timeout: Duration, lifetime: Duration) -> bool {
    let begun = Instant::now();
    let mut used = begun;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for node in nodes.iter().cycle() {
        let sent = Instant::now();
        let status = browser.status_of_me(node).await;
        // A use extends the session if the last extension was a tenth of the idle timeout ago.
        if used.elapsed() > idle_timeout / 10 * 8 {
            return false;
        }
        if status == StatusCode::UNAUTHORIZED {
            break;
        }
        assert_eq!(status, StatusCode::OK);
        assert!(begun.elapsed() < lifetime + PATIENCE, "it does not end");
        used = sent;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(begun.elapsed() >= lifetime, "it ended after {:?}", begun.elapsed());
    for node in nodes {
        until("the node has noticed", async || browser.status_of_me(node).await == StatusCode::UNAUTHORIZED)
            .await;
    }
    true
}
