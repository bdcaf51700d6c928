//! The documented behaviour of `RedisCluster` that tests of other crates rely on.

#![allow(clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::time::Duration;

use handstamp_testkit::{ClusterOptions, Direction, RedisCluster, redis, until};

const TTL: Duration = Duration::from_secs(60);

fn fill(cluster: &RedisCluster) -> Vec<String> {
    let mut keys: Vec<_> = (0..30).map(|number| format!("key-{number}")).collect();
    keys.sort();
    keys.iter().for_each(|key| cluster.set(key, key.as_bytes(), TTL));
    keys
}

/// The redirection that a node replies with: its code, address and slot.
fn redirection(cluster: &RedisCluster, index: usize, parts: &[&str]) -> (String, String, u16) {
    let error = cluster.try_command(index, parts).expect_err("a redirection");
    let (address, slot) = error.redirect_node().unwrap_or_else(|| panic!("no redirection: {error}"));
    (error.code().unwrap_or_default().to_owned(), address.to_owned(), slot)
}

fn moved(address: String, slot: u16) -> (String, String, u16) {
    ("MOVED".to_owned(), address, slot)
}

/// When a node has last received a message from another, in milliseconds.
fn last_received(cluster: &RedisCluster, index: usize, other: usize) -> u64 {
    let view = cluster.command(index, &["CLUSTER", "NODES"]);
    let view: String = redis::from_redis_value(view).expect("the view of a node");
    let line = view.lines().find(|line| line.starts_with(cluster.id(other))).expect("a known node");
    line.split(' ').nth(5).expect("the time of the last message").parse().expect("milliseconds")
}

fn address(cluster: &RedisCluster, index: usize) -> String {
    cluster.seeds()[index].clone()
}

#[tokio::test]
async fn keys_are_served_by_the_primary_of_their_slot() {
    let cluster = RedisCluster::start().await;
    let keys = fill(&cluster);
    assert_eq!(cluster.keys(), keys);
    assert_eq!(cluster.primaries(), [0, 1, 2]);
    assert_eq!([0, 1, 2].map(|index| cluster.replicas_of(index)), [[3], [4], [5]]);
    for key in &keys {
        assert_eq!(cluster.get(key).as_deref(), Some(key.as_bytes()));
        assert!(cluster.time_to_live(key).is_some());
        let primary = cluster.primary_of(key);
        let seen = redirection(&cluster, (primary + 1) % 3, &["GET", key]);
        assert_eq!(seen, moved(address(&cluster, primary), cluster.slot_of(key)));
    }
}

#[tokio::test]
async fn until_replicated_waits_for_slow_replicas() {
    let options = ClusterOptions { behind_proxies: true, primaries: 1, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    // A replica connects to its primary like a client.
    cluster.proxy(0).delay(Duration::from_millis(300));
    cluster.set("key", b"value", TTL);
    cluster.until_replicated().await;
    assert_eq!(cluster.node(1).keys(), ["key"]);
}

#[tokio::test]
async fn a_replica_takes_over_from_a_killed_primary() {
    let mut cluster = RedisCluster::start().await;
    let keys = fill(&cluster);
    let old = cluster.primary_of(&keys[0]);
    cluster.until_replicated().await;
    cluster.kill(old);
    let new = cluster.until_taken_over(old).await;
    assert_eq!((new, cluster.primary_of(&keys[0])), (old + 3, new));
    assert_eq!(cluster.keys(), keys);
    cluster.restart(old).await;
    cluster.until_ok().await;
    assert_eq!(cluster.replicas_of(new), [old]);
}

#[tokio::test]
async fn a_replica_takes_over_from_a_suspended_primary() {
    let mut cluster = RedisCluster::start().await;
    cluster.pause(1);
    assert_eq!(cluster.until_taken_over(1).await, 4);
    cluster.resume(1);
    cluster.until_ok().await;
    assert_eq!(cluster.replicas_of(4), [1]);
}

#[tokio::test]
async fn a_replica_takes_over_in_a_manual_failover() {
    let cluster = RedisCluster::start().await;
    let keys = fill(&cluster);
    assert_eq!(cluster.fail_over(2).await, 5);
    cluster.until_ok().await;
    assert_eq!((cluster.primaries(), cluster.replicas_of(5)), (vec![0, 1, 5], vec![2]));
    assert_eq!(cluster.keys(), keys);
    assert_eq!(cluster.fail_over(5).await, 2);
}

#[tokio::test]
async fn a_moving_slot_redirects_with_ask_and_then_moved() {
    let cluster = RedisCluster::start().await;
    let slot = cluster.slot_of("{tag}");
    let from = cluster.primary_of_slot(slot);
    let to = (from + 1) % 3;
    cluster.set("{tag}here", b"here", TTL);
    cluster.begin_move(slot, to).await;
    let ask = ("ASK".to_owned(), address(&cluster, to), slot);
    cluster.command(from, &["GET", "{tag}here"]);
    assert_eq!(redirection(&cluster, from, &["GET", "{tag}there"]), ask);
    cluster.move_keys(slot, to).await;
    assert_eq!(redirection(&cluster, from, &["GET", "{tag}here"]), ask);
    assert_eq!(redirection(&cluster, to, &["GET", "{tag}here"]), moved(address(&cluster, from), slot));
    cluster.end_move(slot, to).await;
    assert_eq!(redirection(&cluster, from, &["GET", "{tag}here"]), moved(address(&cluster, to), slot));
    assert_eq!((cluster.primary_of_slot(slot), cluster.get("{tag}here")), (to, Some(b"here".to_vec())));
    cluster.until_ok().await;
}

#[tokio::test]
async fn a_cluster_grows_and_shrinks() {
    let options =
        ClusterOptions { replicas_each: 0, password: Some("s3cret".to_owned()), ..ClusterOptions::default() };
    let mut cluster = RedisCluster::start_with(options).await;
    let keys = fill(&cluster);
    let new = cluster.add_primary().await;
    assert_eq!((new, cluster.len(), cluster.primaries()), (3, 4, vec![0, 1, 2]));
    cluster.move_slots(0..=400, new).await;
    cluster.until_ok().await;
    assert_eq!(cluster.primaries(), [0, 1, 2, 3]);
    assert_eq!((cluster.primary_of_slot(400), cluster.primary_of_slot(401)), (3, 0));
    assert_eq!(cluster.keys(), keys);
    assert!(!cluster.node(new).keys().is_empty());
    cluster.move_slots(0..=400, 1).await;
    cluster.remove(new).await;
    assert_eq!((cluster.primaries(), cluster.seeds().len()), (vec![0, 1, 2], 3));
    assert_eq!(cluster.keys(), keys);
}

#[tokio::test]
async fn slots_move_atomically_if_the_server_supports_it() {
    let cluster = RedisCluster::start().await;
    let keys = fill(&cluster);
    let info = cluster.node(0).command(&["INFO", "server"]);
    let is_supported = format!("{info:?}").contains("valkey_version:9");
    let slots = 0..=5_460;
    assert_eq!(cluster.move_slots_atomically(slots, 1).await, is_supported);
    assert_eq!(cluster.primary_of_slot(5_460), usize::from(is_supported));
    assert_eq!(cluster.keys(), keys);
    cluster.until_ok().await;
}

#[tokio::test]
async fn clients_connect_through_the_proxies() {
    let node_timeout = Duration::from_secs(1);
    let options =
        ClusterOptions { behind_proxies: true, replicas_each: 0, node_timeout, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let key = "key";
    let primary = cluster.primary_of(key);
    let other = (primary + 1) % 3;
    assert_eq!(address(&cluster, primary), format!("127.0.0.1:{}", cluster.proxy(primary).port()));
    assert_ne!(cluster.proxy(primary).port(), cluster.node(primary).port());
    let through = moved(address(&cluster, primary), cluster.slot_of(key));
    assert_eq!(redirection(&cluster, other, &["GET", key]), through);
    // The nodes are not affected: the cluster bus is not proxied.
    cluster.proxy(primary).block(Direction::Both);
    let first = last_received(&cluster, other, primary);
    let elapsed = || Duration::from_millis(last_received(&cluster, other, primary) - first);
    until("the block lasts longer than the node timeout", async || elapsed() > node_timeout).await;
    cluster.until_ok().await;
    cluster.set(key, b"value", TTL);
}

#[tokio::test]
async fn the_password_is_required() {
    let options = ClusterOptions { password: Some("s3cret".to_owned()), ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    assert!(cluster.url().starts_with(&format!("redis-cluster://:s3cret@{}?node=", address(&cluster, 0))));
    let ping = |user: &str| {
        redis::Client::open(format!("redis://{user}{}", address(&cluster, 0)))
            .and_then(|client| redis::cmd("PING").exec(&mut client.get_connection()?))
    };
    assert_eq!(ping("").expect_err("an error reply").code(), Some("NOAUTH"));
    ping(":s3cret@").expect("a reply");
}

#[tokio::test]
async fn nodes_end_with_their_cluster() {
    let options = ClusterOptions { primaries: 1, replicas_each: 0, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let url = cluster.node(0).url();
    assert_eq!(cluster.url(), format!("redis-cluster://{}", address(&cluster, 0)));
    drop(cluster);
    assert!(redis::Client::open(url).expect("url").get_connection().is_err());
}
