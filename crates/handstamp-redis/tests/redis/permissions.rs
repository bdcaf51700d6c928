//! The documented permissions are enough, and none too many.

use bytes::Bytes;
use handstamp_core::record::Mark;
use handstamp_redis::{ReadFrom, RedisConfig, RedisError, Transport, acl_rules};
use handstamp_store::{Bus, CreateOutcome, Shard, Store, Subscription, conformance};
use handstamp_testkit::redis::{Value, from_redis_value};
use handstamp_testkit::{RedisCluster, RedisServer, eventually};

use crate::harness::{
    MINUTE, NAMESPACE, PATIENCE, cause, changed, channel, config, connected_by, created, name, namespace,
    record, unhurried, until_it_serves,
};

const USER: &str = "app";

fn permit(server: &RedisServer, rules: &[String]) {
    let rules = rules.iter().map(String::as_str);
    let command: Vec<_> =
        ["ACL", "SETUSER", USER, "reset", "on", ">password"].into_iter().chain(rules).collect();
    server.command(&command);
    server.command(&["ACL", "LOG", "RESET"]);
}

fn denials(server: &RedisServer) -> usize {
    match server.command(&["ACL", "LOG"]) {
        Value::Array(entries) => entries.len(),
        other => panic!("{other:?}"),
    }
}

fn rules() -> Vec<String> {
    acl_rules(&config("redis://localhost"), &namespace(), &channel())
}

#[tokio::test]
async fn they_are_enough() {
    let server = RedisServer::start().await;
    permit(&server, &rules());
    let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
    conformance::store(&store, &bus).await;
    conformance::bus(&bus, Shard::ONLY).await;
    assert_eq!(denials(&server), 0, "{:?}", server.command(&["ACL", "LOG"]));
}

/// With every option there is.
#[tokio::test]
async fn they_are_enough_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    for (invalidation, read_from) in
        [(Transport::PubSub, ReadFrom::Replica), (Transport::Tracking, ReadFrom::Primary)]
    {
        let url = cluster.url().replace("://", "://app:password@");
        let config = RedisConfig { invalidation, read_from, wait_replicas: 1, ..unhurried(&url) };
        for node in 0..cluster.len() {
            permit(cluster.node(node), &acl_rules(&config, &namespace(), &channel()));
        }
        let (store, bus) = connected_by(config);
        until_it_serves(&store).await;
        conformance::records(&store).await;
        for shard in store.shards().current() {
            conformance::bus(&bus, shard).await;
        }
        let record = created(&store).await;
        let slot = cluster.slot_of(&name(&record.key));
        let owner = cluster.primary_of_slot(slot);
        let to = cluster.primaries().into_iter().find(|primary| *primary != owner).expect("another");
        cluster.begin_move(slot, to).await;
        cluster.move_keys(slot, to).await;
        assert!(store.load(&record.key).await.expect("load").is_some());
        if store.reads_from_replicas() {
            let other = created(&store).await;
            eventually("a replica is vouched for", PATIENCE, async || {
                store.load_from_replica(&other.key).await.ok_or("not yet")
            })
            .await;
        }
        cluster.move_slots(slot..=slot, to).await;
        for node in 0..cluster.len() {
            let log = cluster.command(node, &["ACL", "LOG"]);
            assert_eq!(denials(cluster.node(node)), 0, "{log:?}");
        }
    }
}

#[tokio::test]
async fn none_is_too_many() {
    let server = RedisServer::start().await;
    let commands = rules().into_iter().filter(|rule| rule.starts_with('+'));
    for missing in commands {
        let fewer: Vec<_> = rules().into_iter().filter(|rule| *rule != missing).collect();
        permit(&server, &fewer);
        server.command(&["SCRIPT", "FLUSH"]);
        let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
        let first = record();
        let notice = Bytes::new;
        let _ = bus.subscribe(Shard::ONLY).await;
        let _ = store.create(&first, MINUTE).await;
        let _ = store.save(&first, first.revision, MINUTE, notice()).await;
        let _ = store.load(&first.key).await;
        let _ = store.touch(&first.key, MINUTE).await;
        let _ = store.save(&changed(&first), changed(&first).revision, MINUTE, notice()).await;
        let _ = store.delete(&first.key, notice()).await;
        let _ = bus.publish(Shard::ONLY, notice()).await;
        let _ = store.check(Shard::ONLY).await;
        assert_ne!(denials(&server), 0, "nothing needs {missing}");
    }
}

#[tokio::test]
async fn everything_else_is_denied() {
    let server = RedisServer::start().await;
    permit(&server, &rules());
    let may = |command: &[&str]| {
        let parts: Vec<_> = ["ACL", "DRYRUN", USER].iter().chain(command).copied().collect();
        let answer: String = from_redis_value(server.command(&parts)).expect("a text");
        answer == "OK"
    };
    let key = format!("{NAMESPACE}:s:key");
    let own_channel = channel();
    assert!(may(&["GET", &key]) && may(&["PUBLISH", own_channel.as_str(), "x"]));
    for command in [
        &["FLUSHALL"][..],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
        &["SCRIPT", "FLUSH"],
        &["CLIENT", "LIST"],
        &["MONITOR"],
        &["SHUTDOWN"],
        &["REPLICAOF", "NO", "ONE"],
        &["PERSIST", &key],
        &["GET", "other:s:key"],
        &["GET", NAMESPACE],
        &["SET", "other:s:key", "x"],
        &["PUBLISH", "other", "x"],
        &["SUBSCRIBE", "other"],
        &["PSUBSCRIBE", "*"],
    ] {
        assert!(!may(command), "{command:?} is permitted");
    }
}

/// Whether the server or we are quicker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_channel_is_no_silent_subscription() {
    let server = RedisServer::start().await;
    let others: Vec<_> = rules()
        .into_iter()
        .map(|rule| if rule.starts_with('&') { "&other".to_owned() } else { rule })
        .collect();
    permit(&server, &others);
    let (_store, bus) = connected_by(config(&server.url_as(USER, "password")));
    for _ in 0..100 {
        let error = bus.subscribe(Shard::ONLY).await.expect_err("a forbidden channel");
        assert!(
            matches!(cause(&error), RedisError::Refused(refusal) if refusal.code() == "NOPERM"),
            "{error:?}"
        );
    }
}

/// What nobody would hear of is not done.
#[tokio::test]
async fn without_permission_to_publish_nothing_is_changed() {
    let server = RedisServer::start().await;
    let silent: Vec<_> = rules().into_iter().filter(|rule| !rule.starts_with('&')).collect();
    permit(&server, &silent);
    let (store, _bus) = connected_by(config(&server.url_as(USER, "password")));
    let first = record();
    assert_eq!(store.create(&first, MINUTE).await.expect("create"), CreateOutcome::Created);
    let mark = Mark::new(first.revision);
    let errors = [
        store
            .save(&changed(&first), first.revision, MINUTE, Bytes::new())
            .await
            .expect_err("a forbidden channel"),
        store
            .retire(&first.key, first.revision, mark, MINUTE, Bytes::new())
            .await
            .expect_err("a forbidden channel"),
        store.delete(&first.key, Bytes::new()).await.expect_err("a forbidden channel"),
    ];
    for error in errors {
        assert!(cause(&error).to_string().contains("no permission"), "{error:?}: {}", cause(&error));
    }
    let stored = store.load(&first.key).await.expect("load").expect("a record");
    assert_eq!(stored.record, first);
}

/// A subscription that was permitted is cut when it no longer is.
#[tokio::test]
async fn a_channel_that_becomes_forbidden_ends_the_subscription() {
    let server = RedisServer::start().await;
    permit(&server, &rules());
    let (_store, bus) = connected_by(config(&server.url_as(USER, "password")));
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    server.command(&["ACL", "SETUSER", USER, "resetchannels"]);
    assert!(subscription.next().await.is_err());
}

#[tokio::test]
async fn any_password_will_do() {
    let server = RedisServer::start().await;
    for (password, encoded) in [
        ("plain", "plain"),
        ("with space", "with%20space"),
        (" \"'\\x41\\ ", "%20%22%27%5Cx41%5C%20"),
        ("line\r\nFLUSHALL", "line%0D%0AFLUSHALL"),
        ("p@:/?#%ä", "p%40%3A%2F%3F%23%25%C3%A4"),
    ] {
        let secret = format!(">{password}");
        server.command(&["ACL", "SETUSER", USER, "reset", "on", &secret, "~*", "&*", "+@all"]);
        let (store, bus) = connected_by(config(&server.url_as(USER, encoded)));
        store.check(Shard::ONLY).await.expect("check");
        bus.subscribe(Shard::ONLY).await.expect("subscribe");
    }
}
