//! The documented permissions are enough, and none too many.

use bytes::Bytes;
use handstamp_redis::{Driver, ReadFrom, RedisError, acl_rules};
use handstamp_store::{
    Bus, Clock, CreateOutcome, Records, ScanCursor, Shard, Store, Subscription, SystemClock, Topology,
    conformance,
};
use handstamp_testkit::redis::{Value, from_redis_value};
use handstamp_testkit::{Log, RedisCluster, RedisServer, ServerOptions, eventually, free_port, tombstone};

use crate::harness::{
    NAMESPACE, PATIENCE, TTL, cause, changed, channel, config, connected, connected_by, created, delete,
    driver, name, namespace, record, until_it_serves, warnings,
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
    conformance::scan(&store).await;
    conformance::bus(&bus, Shard::ONLY).await;
    store.check_writes(Shard::ONLY).await.expect("writes work");
    assert!(store.time(Shard::ONLY).await.expect("the time").is_some());
    assert_eq!(denials(&server), 0, "{:?}", server.command(&["ACL", "LOG"]));
}

/// With every option there is.
#[tokio::test]
async fn they_are_enough_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    for (tracking, read_from) in [(false, ReadFrom::Replica), (true, ReadFrom::Primary)] {
        let url = cluster.url().replace("://", "://app:password@");
        let config = config(&url).with_tracking(tracking).with_read_from(read_from).with_wait_replicas(1);
        for node in 0..cluster.len() {
            permit(cluster.node(node), &acl_rules(&config, &namespace(), &channel()));
        }
        let (store, bus) = connected_by(config);
        until_it_serves(&store).await;
        conformance::records(&store).await;
        conformance::scan(&store).await;
        for shard in store.shards().current() {
            conformance::bus(&bus, shard).await;
            store.check_writes(shard).await.expect("writes work");
            assert!(store.time(shard).await.expect("the time").is_some());
        }
        let record = created(&store).await;
        let slot = cluster.slot_of(&name(record.key()));
        let owner = cluster.primary_of_slot(slot);
        let to = cluster.primaries().into_iter().find(|primary| *primary != owner).expect("another");
        cluster.begin_move(slot, to).await;
        cluster.move_keys(slot, to).await;
        assert!(store.load(record.key()).await.expect("load").is_some());
        if store.reads_from_replicas() {
            let other = created(&store).await;
            eventually("a replica has caught up", PATIENCE, async || {
                store.load_from_replica(other.key()).await.ok_or("not yet")
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
async fn every_permission_is_needed() {
    let server = RedisServer::start().await;
    let commands = rules().into_iter().filter(|rule| rule.starts_with('+'));
    // Without tracking, only fred needs the id of a connection. The rules permit a change of the driver.
    let commands = commands.filter(|rule| rule != "+client|id" || driver() == Driver::Fred);
    for missing in commands {
        let fewer: Vec<_> = rules().into_iter().filter(|rule| *rule != missing).collect();
        permit(&server, &fewer);
        server.command(&["SCRIPT", "FLUSH"]);
        let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
        let first = record();
        let invalidation = Bytes::new;
        let _ = bus.subscribe(Shard::ONLY).await;
        let _ = store.create(&first, TTL).await;
        let _ = store.save(&first, first.revision(), TTL, invalidation()).await;
        let _ = store.load(first.key()).await;
        let _ = store.touch(first.key(), TTL).await;
        let _ = store.save(&changed(&first), changed(&first).revision(), TTL, invalidation()).await;
        let _ = delete(&store, &first).await;
        let _ = store.check_writes(Shard::ONLY).await;
        let _ = bus.publish(Shard::ONLY, invalidation()).await;
        let _ = store.ping_primary(Shard::ONLY).await;
        let _ = store.scan(Shard::ONLY, &ScanCursor::START).await;
        assert_ne!(denials(&server), 0, "nothing needs {missing}");
    }
}

#[tokio::test]
async fn everything_else_is_denied() {
    let server = RedisServer::start().await;
    permit(&server, &rules());
    let may = |command: &[&str]| {
        let parts: Vec<_> = ["ACL", "DRYRUN", USER].iter().chain(command).copied().collect();
        let reply: String = from_redis_value(server.command(&parts)).expect("a text");
        reply == "OK"
    };
    let key = format!("{NAMESPACE}:s:key");
    let own_channel = channel();
    assert!(may(&["GET", &key]) && may(&["PUBLISH", own_channel.as_str(), "x"]));
    for command in [
        &["FLUSHALL"][..],
        &["FLUSHDB"],
        &["KEYS", "*"],
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

/// K11: without `ROLE`, `INFO` says whether the server is a primary; the log says so once.
#[tokio::test]
async fn k11_without_permission_for_role_the_role_is_known_all_the_same() {
    let (log, _guard) = Log::capture();
    let server = RedisServer::start().await;
    let fewer: Vec<_> = rules().into_iter().filter(|rule| rule != "+role").collect();
    permit(&server, &fewer);
    let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
    for _ in 0..5 {
        store.ping_primary(Shard::ONLY).await.expect("a primary");
    }
    created(&store).await;
    bus.subscribe(Shard::ONLY).await.expect("subscribe").fence().await.expect("fence");
    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let error = store.ping_primary(Shard::ONLY).await.expect_err("a replica");
    assert_eq!(cause(&error), &RedisError::NotPrimary);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("it is a primary again", PATIENCE, async || store.ping_primary(Shard::ONLY).await).await;
    assert_eq!(warnings(&log, "ROLE is denied").len(), 1);
    assert_eq!(denials(&server), 1, "it is sent once, and never again");
}

/// K11: a server that does not report its role, and carries out commands.
#[tokio::test]
async fn k11_without_permission_for_role_and_info_the_server_counts_as_a_primary() {
    let (log, _guard) = Log::capture();
    let server = RedisServer::start().await;
    let fewer: Vec<_> = rules().into_iter().filter(|rule| rule != "+role" && rule != "+info").collect();
    permit(&server, &fewer);
    let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
    for _ in 0..5 {
        store.ping_primary(Shard::ONLY).await.expect("a primary");
    }
    created(&store).await;
    store.check_writes(Shard::ONLY).await.expect("writes work");
    bus.subscribe(Shard::ONLY).await.expect("subscribe").fence().await.expect("fence");
    let logged = warnings(&log, "");
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains("permit +role and +info"), "{logged:?}");
    assert!(logged[0].contains(&server.port().to_string()), "{logged:?}");
    // With the permissions, the role is known from then on.
    permit(&server, &rules());
    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let error = store.ping_primary(Shard::ONLY).await.expect_err("a replica");
    assert_eq!(cause(&error), &RedisError::NotPrimary);
}

#[tokio::test]
async fn k11_where_role_has_another_name_the_role_is_known_all_the_same() {
    let args = ["--rename-command", "ROLE", ""].map(str::to_owned).to_vec();
    let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
    let (store, _bus) = connected(&server);
    store.ping_primary(Shard::ONLY).await.expect("a primary");
}

/// K11: names are a help, and no more.
#[tokio::test]
async fn k11_without_permission_for_names_connections_have_none() {
    let server = RedisServer::start().await;
    let fewer: Vec<_> = rules().into_iter().filter(|rule| rule != "+client|setname").collect();
    permit(&server, &fewer);
    let (log, _guard) = Log::capture();
    let (store, bus) = connected_by(config(&server.url_as(USER, "password")));
    created(&store).await;
    bus.subscribe(Shard::ONLY).await.expect("subscribe").fence().await.expect("fence");
    assert!(server.clients_named("handstamp").is_empty());
    assert!(warnings(&log, "").is_empty(), "{:?}", warnings(&log, ""));
}

/// K5.4
#[tokio::test]
async fn k5_4_without_permission_for_info_the_time_is_that_of_time() {
    let server = RedisServer::start().await;
    let fewer: Vec<_> = rules().into_iter().filter(|rule| rule != "+info").collect();
    permit(&server, &[&fewer[..], &["+time".to_owned()]].concat());
    let (store, _bus) = connected_by(config(&server.url_as(USER, "password")));
    let theirs = store.time(Shard::ONLY).await.expect("permitted").expect("a clock");
    let ours = SystemClock.timestamp();
    assert!(ours.since(theirs).max(theirs.since(ours)) < PATIENCE, "{theirs:?} is not {ours:?}");
    permit(&server, &fewer);
    let error = store.time(Shard::ONLY).await.expect_err("both are denied");
    assert!(cause(&error).to_string().contains("(info)"), "{}", cause(&error));
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
            matches!(cause(&error), RedisError::ErrorReply(reply) if reply.code() == "NOPERM"),
            "{error:?}"
        );
    }
}

/// A change that cannot be published is not made.
#[tokio::test]
async fn without_permission_to_publish_nothing_is_changed() {
    let server = RedisServer::start().await;
    let silent: Vec<_> = rules().into_iter().filter(|rule| !rule.starts_with('&')).collect();
    permit(&server, &silent);
    let (store, _bus) = connected_by(config(&server.url_as(USER, "password")));
    let first = record();
    assert_eq!(store.create(&first, TTL).await.expect("create"), CreateOutcome::Created);
    let tombstone = tombstone(&first);
    let errors = [
        store
            .save(&changed(&first), first.revision(), TTL, Bytes::new())
            .await
            .expect_err("a forbidden channel"),
        store
            .replace_with_tombstone(&tombstone, first.revision(), TTL, Bytes::new())
            .await
            .expect_err("a forbidden channel"),
        delete(&store, &first).await.expect_err("a forbidden channel"),
    ];
    for error in errors {
        assert!(cause(&error).to_string().contains("no permission"), "{error:?}: {}", cause(&error));
    }
    let stored = store.load(first.key()).await.expect("load").expect("a record");
    assert_eq!(stored.entry, first);
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
        store.ping_primary(Shard::ONLY).await.expect("check");
        bus.subscribe(Shard::ONLY).await.expect("subscribe");
    }
}
