//! Real nodes on a Redis Cluster and on Sentinel: what holds on one server holds there, and what one server of them
//! suffers costs the sessions of the others nothing.

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
async fn nodes_that_know_a_cluster_in_different_ways_work_together() {
    let options = ClusterOptions { password: Some(PASSWORD.to_owned()), ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let password = ("REDIS_PASSWORD", PASSWORD.to_owned());
    let seeds = cluster.seeds();
    let by_list = [("REDIS_CLUSTER_NODES", seeds.join(",")), password.clone()];
    // One of them is enough to find the others.
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
async fn a_cluster_may_ask_for_tls_and_a_password() {
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
async fn k7_1_the_sessions_of_a_user_lie_in_one_slot() {
    let cluster = RedisCluster::start_with(ClusterOptions::default()).await;
    let nodes = three_nodes(&[("REDIS_URL", &cluster.url())]).await;
    until_well(&nodes).await;
    for node in nodes.iter().chain(&nodes) {
        Browser::logged_in(node, "ada").await;
    }
    let keys = cluster.keys();
    let slot = |key: &String| format!("{:?}", cluster.node(0).command(&["CLUSTER", "KEYSLOT", key]));
    let slots: BTreeSet<_> = keys.iter().map(slot).collect();
    assert_eq!((keys.len(), slots.len()), (6, 1), "{keys:?}");
}

#[tokio::test]
async fn a_primary_of_a_cluster_that_dies_costs_the_sessions_elsewhere_nothing() {
    // A replica may take over however long the primary has been away, and does not before all nodes have noticed.
    let args = ["--cluster-replica-validity-factor", "0"].map(str::to_owned).into();
    let mut cluster = RedisCluster::start_with(ClusterOptions { args, ..ClusterOptions::default() }).await;
    let seeds = cluster.seeds().join(",");
    let settings = [&CACHED_FOR_LONG[..], &[("REDIS_CLUSTER_NODES", &*seeds)]].concat();
    let nodes = three_nodes(&settings).await;
    until_well(&nodes).await;
    let mut sessions = BTreeMap::<usize, Vec<Browser>>::new();
    // The sessions of one user are in one place.
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
    eventually("all nodes have noticed", PATIENCE, async || {
        go_on(&nodes, &mut others).await;
        for (degraded, node) in degraded.iter_mut().zip(&nodes) {
            *degraded |= !is_ok_or_degraded(node).await;
        }
        if degraded == [true; 3] { Ok(()) } else { Err(degraded) }
    })
    .await;
    cluster.command(replica, &["CONFIG", "SET", "cluster-replica-no-failover", "no"]);
    eventually("all nodes are well", PATIENCE, async || {
        go_on(&nodes, &mut others).await;
        let mut well = [false; 3];
        for (well, node) in well.iter_mut().zip(&nodes) {
            *well = is_ok_or_degraded(node).await;
        }
        if well == [true; 3] { Ok(()) } else { Err(well) }
    })
    .await;
    assert_eq!(cluster.until_taken_over(victim).await, replica);
    for browser in &mut victims {
        for node in &nodes {
            until("the session is there again", async || browser.status_of_me(node).await == StatusCode::OK)
                .await;
            assert!(browser.me(node).await["username"].as_str().unwrap().starts_with("user-"));
            assert_eq!(browser.post(node, "/visits").await.status(), StatusCode::OK);
        }
        assert_eq!(browser.post(&nodes[0], "/logout").await.status(), StatusCode::NO_CONTENT);
    }
    go_on(&nodes, &mut others).await;
}

#[tokio::test]
async fn sentinels_promote_another_primary_and_nobody_is_logged_out() {
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
        until("the session is there again", async || {
            browser.post(node, "/visits").await.status() == StatusCode::OK
        })
        .await;
        assert_eq!(browser.me(node).await["username"], "ada");
    }
    // What was refused may have been done.
    assert!(browser.me(&nodes[2]).await["visits"].as_u64() >= Some(4));
    until_well(&nodes).await;
    assert_logout_reaches_all(&nodes, browser).await;
}

#[tokio::test]
async fn while_redis_stands_still_every_request_is_told_so() {
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
        for answer in requests.join_all().await {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(!answer.headers().contains_key("set-cookie"));
        }
    }
    assert_eq!(browser.get(&node, "/plain").await.status(), StatusCode::OK);
    assert_eq!(browser.get(&node, "/health/live").await.status(), StatusCode::OK);
    redis.resume();
    until("service is back", async || browser.status_of_me(&node).await == StatusCode::OK).await;
    until("writes are taken", async || browser.post(&node, "/visits").await.status() == StatusCode::OK).await;
}

/// A node with these settings, which may not have reached its Redis yet.
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

/// What `/health` says.
async fn health(node: &NodeProcess) -> (StatusCode, Value) {
    let answer = Browser::new().get(node, "/health").await;
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn until_well(nodes: &[NodeProcess; 3]) {
    for node in nodes {
        let (_, mut health) = eventually("the node is well", PATIENCE, async || match health(node).await {
            well @ (StatusCode::OK, _) => Ok(well),
            ill => Err(ill),
        })
        .await;
        health.as_object_mut().unwrap().remove("cache_size");
        assert_eq!(health, json!({ "status": "ok", "redis": true, "coordinator_running": true }));
    }
}

/// Everything that nodes do for each other.
async fn work_together(nodes: &[NodeProcess; 3]) {
    until_well(nodes).await;
    // So many that they lie everywhere.
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
            visits.join_all().await.iter().map(|answer| answer["visits"].as_u64()).collect();
        counts.sort();
        assert_eq!(counts, (1..=30).map(Some).collect::<Vec<_>>(), "each is told its own number");
        for node in nodes {
            // The last message may still be under way.
            until("all of them count", async || browser.me(node).await["visits"] == 30).await;
        }
        assert_logout_reaches_all(nodes, browser).await;
    }
    until_well(nodes).await;
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

/// Reads and writes of these sessions work on all nodes.
async fn go_on(nodes: &[NodeProcess; 3], browsers: &mut [Browser]) {
    for node in nodes {
        for browser in &mut *browsers {
            assert!(browser.me(node).await["username"].as_str().unwrap().starts_with("user-"));
            assert_eq!(browser.post(node, "/visits").await.status(), StatusCode::OK);
        }
    }
}

/// False when a part of the sessions is known to be away. The node is ready for the others, and lives.
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
