//! Whether writes work is known before a request needs one.

use bytes::Bytes;
use futures_util::future::join;
use handstamp_core::time::Timestamp;
use handstamp_redis::{RedisError, RedisStore, acl_rules};
use handstamp_store::{
    Bus, DeleteOutcome, Records, SaveOutcome, Shard, StoreError, Subscription, TombstoneOutcome, Topology,
};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{RedisCluster, RedisServer, ServerOptions, eventually, free_port, tombstone};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::harness::{
    NAMESPACE, NEVER, PATIENCE, TTL, at_once, cause, changed, channel, config, connected, connected_by,
    created, delete, namespace, until_it_serves,
};

/// Why a write would fail.
async fn failure(store: &RedisStore) -> String {
    let error = store.check_writes(Shard::ONLY).await.expect_err("writes do not work");
    assert!(matches!(error, StoreError::Rejected(_)), "{error:?}");
    cause(&error).to_string()
}

/// A check that sends the server its scripts leaves something for a moment.
async fn until_nothing_is_left(server: &RedisServer) {
    eventually("nothing is left", PATIENCE, async || match server.keys() {
        keys if keys.is_empty() => Ok(()),
        keys => Err(keys),
    })
    .await;
}

#[tokio::test]
async fn k11_writes_that_work_leave_nothing() {
    let server = RedisServer::start().await;
    for tracking in [false, true] {
        // A check gets through however many commands wait.
        let (store, bus) = connected_by(config(&server.url()).with_tracking(tracking).with_max_in_flight(0));
        for _ in 0..3 {
            server.command(&["SCRIPT", "FLUSH"]);
            store.check_writes(Shard::ONLY).await.expect("writes work");
        }
        let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
        until_nothing_is_left(&server).await;
        store.check_writes(Shard::ONLY).await.expect("writes work");
        assert!(server.keys().is_empty(), "{:?}", server.keys());
        subscription.fence().await.expect("fence");
        assert!(subscription.try_next().is_none(), "nothing is published");
        drop(subscription);
        server.command(&["FLUSHALL"]);
    }
}

/// K6.1: with a slow server, the first use of a script would otherwise take longer than a budget that is right for all others.
#[tokio::test]
async fn k6_1_a_server_that_lacks_scripts_is_sent_all_of_them() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for _ in 0..2 {
        server.command(&["SCRIPT", "FLUSH"]);
        store.check_writes(Shard::ONLY).await.expect("writes work");
        until_nothing_is_left(&server).await;
        server.reset_command_counts();
        let first = created(&store).await;
        let second = changed(&first);
        let saved = store.save(&second, first.revision(), TTL, Bytes::new()).await;
        assert_eq!(saved.expect("save"), SaveOutcome::Saved);
        let _ = store.touch(first.key(), TTL).await.expect("touch");
        let tombstone = tombstone(&first);
        let replaced = store.replace_with_tombstone(&tombstone, second.revision(), TTL, Bytes::new()).await;
        assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
        store.keep_tombstone(&tombstone, TTL).await.expect("keep");
        assert_eq!(delete(&store, &first).await.expect("delete"), DeleteOutcome::Moved(tombstone));
        assert_eq!(server.command_counts().get("eval"), None, "all scripts were known");
        server.command(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn k11_in_a_cluster_each_primary_is_checked() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(config(&cluster.url()).with_wait_replicas(1));
    until_it_serves(&store).await;
    for shard in store.shards().current() {
        store.check_writes(shard).await.expect("writes work");
    }
    let full = cluster.primaries()[1];
    cluster.command(full, &["CONFIG", "SET", "maxmemory", "1"]);
    let mut failed = 0;
    for shard in store.shards().current() {
        failed += usize::from(store.check_writes(shard).await.is_err());
    }
    assert_eq!(failed, 1);
    cluster.command(full, &["CONFIG", "SET", "maxmemory", "0"]);
}

/// K11: a slot that moves elsewhere is no fault.
#[tokio::test]
async fn k11_a_slot_on_the_move_is_no_fault() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(config(&cluster.url()));
    until_it_serves(&store).await;
    // The slot of the key that is tried first.
    let first = cluster.slot_of(&format!("{NAMESPACE}:s:probe:0"));
    let owner = cluster.primary_of_slot(first);
    let to = cluster.primaries().into_iter().find(|primary| *primary != owner).expect("another");
    cluster.begin_move(first, to).await;
    for shard in store.shards().current() {
        store.check_writes(shard).await.expect("writes work");
    }
    cluster.move_slots(first..=first, to).await;
    for shard in store.shards().current() {
        store.check_writes(shard).await.expect("writes work");
    }
}

/// With every permission that a write needs, and no more.
#[tokio::test]
async fn k11_a_missing_permission_is_found() {
    let server = RedisServer::start().await;
    let rules = acl_rules(&config(&server.url()), &namespace(), &channel());
    let permit = |missing: &str| {
        let rules = rules.iter().map(String::as_str).filter(|rule| *rule != missing);
        let user = ["ACL", "SETUSER", "app", "reset", "on", ">password"];
        server.command(&user.into_iter().chain(rules).collect::<Vec<_>>());
        server.command(&["SCRIPT", "FLUSH"]);
    };
    let own_channel = format!("&{}", channel());
    for missing in [
        "+evalsha",
        "+eval",
        "+publish",
        &own_channel,
        "+set",
        "+getrange",
        "+get",
        "+exists",
        "+pexpire",
        "+del",
        "+pttl",
    ] {
        permit(missing);
        let (store, _bus) = connected_by(config(&server.url_as("app", "password")));
        let error = failure(&store).await;
        assert!(error.contains("NOPERM: the user has no permission"), "{missing}: {error}");
        until_nothing_is_left(&server).await;
    }
    permit("");
    let (store, _bus) = connected_by(config(&server.url_as("app", "password")));
    store.check_writes(Shard::ONLY).await.expect("writes work");
}

#[tokio::test]
async fn k11_a_command_with_another_name_is_found() {
    for command in
        ["EVALSHA", "EVAL", "PUBLISH", "SET", "GETRANGE", "GET", "EXISTS", "PEXPIRE", "DEL", "PTTL"]
    {
        let args = ["--rename-command", command, ""].map(str::to_owned).to_vec();
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        let (store, _bus) = connected(&server);
        let error = failure(&store).await;
        assert!(error.contains("it lacks a command"), "{command}: {error}");
    }
}

#[tokio::test]
async fn k11_a_server_that_takes_no_writes_is_found() {
    // Redis protects the directory from `CONFIG SET`.
    let args = ["--enable-protected-configs", "yes"].map(str::to_owned).to_vec();
    let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
    let (store, _bus) = connected(&server);
    let set = |name: &str, value: &str| server.command(&["CONFIG", "SET", name, value]);

    set("maxmemory", "1");
    assert!(failure(&store).await.contains("OOM"));
    set("maxmemory", "0");

    set("min-replicas-to-write", "1");
    assert!(failure(&store).await.contains("NOREPLICAS"));
    set("min-replicas-to-write", "0");

    let gone = TempDir::new().expect("a directory");
    set("save", "3600 1");
    set("dir", gone.path().to_str().expect("a path"));
    gone.close().expect("it goes away");
    server.command(&["BGSAVE"]);
    eventually("a snapshot fails", PATIENCE, async || {
        let info: String = from_redis_value(server.command(&["INFO", "persistence"])).expect("a text");
        if info.contains("rdb_last_bgsave_status:err") { Ok(()) } else { Err(info) }
    })
    .await;
    assert!(failure(&store).await.contains("MISCONF"));
    set("save", "");
    store.check_writes(Shard::ONLY).await.expect("writes work");

    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    eventually("a replica is left", PATIENCE, async || {
        let error = store.check_writes(Shard::ONLY).await.expect_err("a replica");
        if *cause(&error) == RedisError::NotPrimary { Ok(()) } else { Err(error) }
    })
    .await;
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("writes work", PATIENCE, async || store.check_writes(Shard::ONLY).await).await;
}

/// A stalled server does not count as rejecting writes.
#[tokio::test]
async fn k11_a_write_check_has_a_limit() {
    let server = RedisServer::start().await;
    let short = NEVER / 2_000;
    let (store, _bus) = connected_by(config(&server.url()).with_save_timeout(short));
    eventually("writes work", PATIENCE, async || store.check_writes(Shard::ONLY).await).await;
    server.pause();
    let error = store.check_writes(Shard::ONLY).await.expect_err("no reply");
    assert!(matches!(error, StoreError::TimedOut), "{error:?}");
}

/// K11: while writes hang, a check of them holds up nothing else.
#[tokio::test]
async fn k11_a_write_check_that_hangs_costs_no_connection_for_commands() {
    let server = RedisServer::start().await;
    let short = NEVER / 2_000;
    let (store, _bus) = connected_by(config(&server.url()).with_save_timeout(short));
    let record = created(&store).await;
    store.check_writes(Shard::ONLY).await.expect("writes work");
    let commands = server.clients_named("handstamp:commands");
    server.command(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    for _ in 0..3 {
        let commands = async {
            for _ in 0..20 {
                store.ping_primary(Shard::ONLY).await.expect("a primary");
                assert!(store.load(record.key()).await.expect("load").is_some());
            }
        };
        let (checked, ()) = join(store.check_writes(Shard::ONLY), at_once(commands)).await;
        assert!(matches!(checked, Err(StoreError::TimedOut)), "{checked:?}");
    }
    server.command(&["CLIENT", "UNPAUSE"]);
    eventually("writes work", PATIENCE, async || store.check_writes(Shard::ONLY).await).await;
    assert_eq!(server.clients_named("handstamp:commands"), commands, "it was never replaced");
    // The server notices the end of a connection that was paused only now.
    eventually("one connection for checks is kept", PATIENCE, async || {
        match server.clients_named("handstamp:write-checks").len() {
            1 => Ok(()),
            count => Err(format!("{count} connections")),
        }
    })
    .await;
}

/// K11: writes that would not count, because too few replicas have them.
#[tokio::test]
async fn k11_too_few_replicas_are_found() {
    let server = RedisServer::start().await;
    let mut replica = RedisServer::start().await;
    let waiting = config(&server.url()).with_wait_replicas(1).with_save_timeout(PATIENCE);
    let (patient, _bus) = connected_by(waiting.clone());
    let (store, _bus) = connected_by(waiting.with_save_timeout(NEVER / 600));
    until_it_serves(&store).await;
    assert!(failure(&store).await.contains("too few replicas"));
    server.command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    replica.command(&["REPLICAOF", "127.0.0.1", &server.port().to_string()]);
    eventually("the replica has it", PATIENCE, async || patient.check_writes(Shard::ONLY).await).await;
    replica.kill();
    let error = eventually("the replica is missed", PATIENCE, async || {
        store.check_writes(Shard::ONLY).await.map_or_else(Ok, |()| Err("writes work"))
    })
    .await;
    assert_eq!(cause(&error), &RedisError::NotReplicated);
}

/// K11: a check of writes needs no room for a connection of its own.
#[tokio::test]
async fn k11_a_write_check_finds_room() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    until_it_serves(&store).await;
    server.command(&["CONFIG", "SET", "maxclients", "2"]);
    let others = TcpStream::connect(("127.0.0.1", server.port())).await.expect("the last place");
    store.check_writes(Shard::ONLY).await.expect("writes work");
    drop(others);
}

/// K5.4, K11: the clock that all nodes share.
#[tokio::test]
async fn k11_the_time_is_that_of_the_server() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(config(&server.url()).with_max_in_flight(0));
    let by_command = || {
        let (seconds, micros): (u64, u64) = from_redis_value(server.command(&["TIME"])).expect("the time");
        Timestamp::from_millis(seconds * 1_000 + micros / 1_000)
    };
    let before = by_command();
    let time = store.time(Shard::ONLY).await.expect("the time").expect("it says so");
    assert!(before <= time && time <= by_command(), "{before:?} {time:?}");
}
