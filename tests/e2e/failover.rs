//! Nodes on a Redis Cluster and behind Sentinel: the same guarantees as on one server, and a failure of one primary does not affect
//! the sessions on the others.

use std::collections::{BTreeMap, BTreeSet};

use handstamp_testkit::{
    ClusterOptions, NodeProcess, PATIENCE, RedisCluster, RedisSentinel, RedisServer, SentinelOptions,
    eventually,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    Browser, CACHED_FOR_LONG, DEFAULT_BUDGETS, node_with, reference_node, settings_at, until,
};

const PASSWORD: &str = "an-end-to-end-password";

#[tokio::test]
async fn nodes_with_different_cluster_settings_work_together() {
    let options = ClusterOptions { password: Some(PASSWORD.to_owned()), ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let password = ("REDIS_PASSWORD", PASSWORD.to_owned());
    let seeds = cluster.seeds();
    let by_list = [("REDIS_CLUSTER_NODES", seeds.join(",")), password.clone()];
    // One seed is enough to find the others.
    let host_and_port = seeds[4].split_once(':').unwrap();
    let by_number = [
        ("REDIS_NODE_1_HOST", host_and_port.0.to_owned()),
        ("REDIS_NODE_1_PORT", host_and_port.1.to_owned()),
        password,
    ];
    let by_url = [("REDIS_URL", cluster.url())];
    let nodes = tokio::join!(
        node("node-1", by_list.into()),
        node("node-2", by_number.into()),
        node("node-3", by_url.into()),
    );
    work_together(&nodes.into()).await;
}

#[tokio::test]
async fn a_cluster_can_require_tls_and_a_password() {
    let options =
        ClusterOptions { password: Some(PASSWORD.to_owned()), tls: true, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let ca_file = cluster.certificates().ca_file().display().to_string();
    let nodes = three_nodes(&[
        ("REDIS_CLUSTER_NODES", &cluster.seeds().join(",")),
        ("REDIS_PASSWORD", PASSWORD),
        ("REDIS_TLS", "true"),
        ("REDIS_CA_FILE", &ca_file),
    ])
    .await;
    work_together(&nodes).await;
}

#[tokio::test]
async fn k7_1_the_sessions_of_a_user_are_in_one_slot() {
    let cluster = RedisCluster::start_with(ClusterOptions::default()).await;
    let nodes = three_nodes(&[("REDIS_URL", &cluster.url())]).await;
    until_healthy(&nodes).await;
    for node in nodes.iter().chain(&nodes) {
        Browser::logged_in(node, "ada").await;
    }
    let keys = cluster.keys();
    let slot = |key: &String| format!("{:?}", cluster.node(0).command(&["CLUSTER", "KEYSLOT", key]));
    let slots: BTreeSet<_> = keys.iter().map(slot).collect();
    assert_eq!((keys.len(), slots.len()), (6, 1), "{keys:?}");
}

#[tokio::test]
async fn the_failure_of_a_primary_does_not_affect_sessions_on_others() {
    // The replica takes over only after all nodes have detected the failure, even if that takes long.
    let args = ["--cluster-replica-validity-factor", "0"].map(str::to_owned).into();
    let mut cluster = RedisCluster::start_with(ClusterOptions { args, ..ClusterOptions::default() }).await;
    let seeds = cluster.seeds().join(",");
    let settings = [&CACHED_FOR_LONG[..], &[("REDIS_CLUSTER_NODES", &*seeds)]].concat();
    let nodes = three_nodes(&settings).await;
    until_healthy(&nodes).await;
    let mut sessions = BTreeMap::<usize, Vec<Browser>>::new();
    // The sessions of one user are in one slot, so every browser needs another user.
    for number in 0.. {
        if sessions.len() == 3 && sessions.values().all(|browsers| browsers.len() > 1) {
            break;
        }
        let others = cluster.keys();
        let mut browser = Browser::logged_in(&nodes[0], &format!("user-{number}")).await;
        browser.post(&nodes[1], "/visits").await;
        let key = cluster.keys().into_iter().find(|key| !others.contains(key)).unwrap();
        sessions.entry(cluster.primary_of(&key)).or_default().push(browser);
    }
    let (victim, mut victims) = sessions.pop_first().unwrap();
    let mut others: Vec<_> = sessions.into_values().flatten().collect();
    let [replica] = cluster.replicas_of(victim)[..] else { panic!("one replica") };
    cluster.command(replica, &["CONFIG", "SET", "cluster-replica-no-failover", "yes"]);
    // An acknowledged write may be lost with its primary, unless it has been copied.
    cluster.until_replicated().await;
    cluster.kill(victim);
    let mut degraded = [false; 3];
    eventually("all nodes have detected the failure", PATIENCE, async || {
        assert_usable(&nodes, &mut others).await;
        for (degraded, node) in degraded.iter_mut().zip(&nodes) {
            *degraded |= !is_ok_or_degraded(node).await;
        }
        if degraded == [true; 3] { Ok(()) } else { Err(degraded) }
    })
    .await;
    cluster.command(replica, &["CONFIG", "SET", "cluster-replica-no-failover", "no"]);
    eventually("all nodes are healthy", PATIENCE, async || {
        assert_usable(&nodes, &mut others).await;
        let mut healthy = [false; 3];
        for (healthy, node) in healthy.iter_mut().zip(&nodes) {
            *healthy = is_ok_or_degraded(node).await;
        }
        if healthy == [true; 3] { Ok(()) } else { Err(healthy) }
    })
    .await;
    assert_eq!(cluster.until_taken_over(victim).await, replica);
    for browser in &mut victims {
        for node in &nodes {
            until("the session is available again", async || {
                browser.status_of_me(node).await == StatusCode::OK
            })
            .await;
            assert!(browser.me(node).await["username"].as_str().unwrap().starts_with("user-"));
            assert_eq!(browser.post(node, "/visits").await.status(), StatusCode::OK);
        }
        assert_eq!(browser.post(&nodes[0], "/logout").await.status(), StatusCode::NO_CONTENT);
    }
    assert_usable(&nodes, &mut others).await;
}

#[tokio::test]
async fn sessions_survive_a_failover_by_sentinels() {
    let options = SentinelOptions { password: Some(PASSWORD.to_owned()), ..SentinelOptions::default() };
    let mut sentinel = RedisSentinel::start_with(options).await;
    let nodes = three_nodes(&[("REDIS_URL", &sentinel.url())]).await;
    work_together(&nodes).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    browser.post(&nodes[1], "/visits").await;
    let old = sentinel.primary();
    // An acknowledged write may be lost with its primary, unless it has been copied.
    sentinel.until_replicated().await;
    sentinel.kill(old);
    sentinel.until_promoted(old).await;
    for node in &nodes {
        until("the session is available again", async || {
            browser.post(node, "/visits").await.status() == StatusCode::OK
        })
        .await;
        assert_eq!(browser.me(node).await["username"], "ada");
    }
    // Failed visits may have been counted.
    assert!(browser.me(&nodes[2]).await["visits"].as_u64() >= Some(4));
    until_healthy(&nodes).await;
    assert_logout_reaches_all(&nodes, browser).await;
}

#[tokio::test]
async fn while_redis_is_suspended_every_request_gets_503() {
    let redis = RedisServer::start().await;
    let patient = node_with(&redis, &[]).await;
    let uncached = [&DEFAULT_BUDGETS[..], &[("LOCAL_CACHE_MAX_SIZE", "0")]].concat();
    let node = node_with(&redis, &uncached).await;
    let mut browser = Browser::logged_in(&patient, "ada").await;
    redis.pause();
    for _ in 0..3 {
        let mut requests = JoinSet::new();
        for number in 0..300 {
            let (method, path) = [(Method::GET, "/me"), (Method::POST, "/visits")][number % 2].clone();
            let request = browser.request(method, &node.base_url(), path);
            requests.spawn(async move { request.send().await.unwrap() });
        }
        for response in requests.join_all().await {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
            assert!(!response.headers().contains_key("set-cookie"));
        }
    }
    assert_eq!(browser.get(&node, "/plain").await.status(), StatusCode::OK);
    assert_eq!(browser.get(&node, "/health/live").await.status(), StatusCode::OK);
    redis.resume();
    until("service is back", async || browser.status_of_me(&node).await == StatusCode::OK).await;
    until("writes are accepted", async || browser.post(&node, "/visits").await.status() == StatusCode::OK)
        .await;
}

/// A node with these settings, which may not be connected to its Redis yet.
async fn node(name: &str, redis: BTreeMap<&'static str, String>) -> NodeProcess {
    let mut settings = settings_at("", name);
    settings.extend(redis);
    NodeProcess::start(reference_node(), settings).await
}

async fn three_nodes(redis: &[(&'static str, &str)]) -> [NodeProcess; 3] {
    let settings: BTreeMap<_, _> = redis.iter().map(|&(name, value)| (name, value.to_owned())).collect();
    let [one, two, three] = ["node-1", "node-2", "node-3"].map(|name| node(name, settings.clone()));
    tokio::join!(one, two, three).into()
}

/// The response of `/health`.
async fn health(node: &NodeProcess) -> (StatusCode, Value) {
    let response = Browser::new().get(node, "/health").await;
    (response.status(), response.json().await.expect("JSON"))
}

async fn until_healthy(nodes: &[NodeProcess; 3]) {
    for node in nodes {
        let (_, mut health) =
            eventually("the node is healthy", PATIENCE, async || match health(node).await {
                healthy @ (StatusCode::OK, _) => Ok(healthy),
                unhealthy => Err(unhealthy),
            })
            .await;
        health.as_object_mut().unwrap().remove("cache_size");
        assert_eq!(health, json!({ "status": "ok", "redis": true, "coordinator_running": true }));
    }
}

/// Tests everything that nodes do for each other.
async fn work_together(nodes: &[NodeProcess; 3]) {
    until_healthy(nodes).await;
    // So many users that their sessions are on all shards.
    for name in ["ada", "bob", "cyd", "dan", "eve", "fay"] {
        let mut browser = Browser::logged_in(&nodes[0], name).await;
        for node in nodes {
            assert_eq!(browser.me(node).await["username"], name);
        }
        let mut visits = JoinSet::new();
        for node in nodes.iter().cycle().take(30) {
            let visit = browser.request(Method::POST, &node.base_url(), "/visits?hold_ms=5");
            visits.spawn(async move { visit.send().await.unwrap().json::<Value>().await.unwrap() });
        }
        let mut counts: Vec<_> =
            visits.join_all().await.iter().map(|response| response["visits"].as_u64()).collect();
        counts.sort();
        assert_eq!(counts, (1..=30).map(Some).collect::<Vec<_>>(), "every response has its own number");
        for node in nodes {
            // The last message may not have arrived yet.
            until("all visits are counted", async || browser.me(node).await["visits"] == 30).await;
        }
        assert_logout_reaches_all(nodes, browser).await;
    }
    until_healthy(nodes).await;
}

async fn assert_logout_reaches_all(nodes: &[NodeProcess; 3], mut browser: Browser) {
    let mut thief = browser.clone();
    for node in nodes {
        thief.me(node).await;
    }
    assert_eq!(browser.post(&nodes[2], "/logout").await.status(), StatusCode::NO_CONTENT);
    for node in nodes {
        until("the logout arrives", async || {
            thief.clone().status_of_me(node).await == StatusCode::UNAUTHORIZED
        })
        .await;
    }
}

/// Checks that these sessions can be read and written on all nodes.
async fn assert_usable(nodes: &[NodeProcess; 3], browsers: &mut [Browser]) {
    for node in nodes {
        for browser in &mut *browsers {
            assert!(browser.me(node).await["username"].as_str().unwrap().starts_with("user-"));
            assert_eq!(browser.post(node, "/visits").await.status(), StatusCode::OK);
        }
    }
}

/// Returns false if a part of the sessions is known to be unavailable. The node must still be ready and live.
async fn is_ok_or_degraded(node: &NodeProcess) -> bool {
    let (status, health) = health(node).await;
    for path in ["/health/ready", "/health/live"] {
        assert_eq!(Browser::new().get(node, path).await.status(), StatusCode::OK, "{path}");
    }
    let is_ok = health["status"] == "ok";
    assert!(is_ok || health["status"] == "degraded", "{health}");
    assert_eq!(status, if is_ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE });
    is_ok
}
