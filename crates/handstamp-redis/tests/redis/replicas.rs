use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_redis::{CircuitEvent, CircuitState, ConnectionRole, ReadFrom, RedisConfig, RedisError};
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, StoreError, TombstoneOutcome,
};
use handstamp_testkit::redis::{Client, Cmd, from_redis_value};
use handstamp_testkit::{
    ClusterOptions, RedisCluster, RedisSentinel, RedisServer, eventually, free_port, tombstone,
};

use crate::harness::{
    PATIENCE, TTL, cause, changed, config, connected_by, created, delete, ended, is_there, name, record,
    short_limits, until_it_serves,
};

fn reading_from_replicas(url: &str) -> RedisConfig {
    config(url).with_read_from(ReadFrom::Replica)
}

/// With writes that wait for replicas, a quarter of a second and no longer.
fn waiting(replicas: u32, url: &str) -> RedisConfig {
    config(url).with_wait_replicas(replicas).with_save_timeout(Duration::from_secs(1))
}

#[tokio::test]
async fn cache_misses_are_read_from_replicas() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(reading_from_replicas(&cluster.url()));
    until_it_serves(&store).await;
    assert!(store.reads_from_replicas());
    let record = created(&store).await;
    let primary = cluster.primary_of(&name(record.key()));
    let replica = cluster.replicas_of(primary)[0];
    eventually("a replica has caught up", PATIENCE, async || {
        store.load_from_replica(record.key()).await.ok_or("not yet")
    })
    .await;
    for node in [primary, replica] {
        cluster.node(node).reset_command_counts();
    }
    for _ in 0..10 {
        let stored = eventually("the replica has caught up", PATIENCE, async || {
            store.load_from_replica(record.key()).await.ok_or("not at present")
        })
        .await;
        assert_eq!(stored.entry, record);
        assert!(stored.remaining.is_some_and(|remaining| remaining > Duration::from_secs(50)));
    }
    assert_eq!(cluster.node(replica).command_counts().get("get"), Some(&10));
    assert_eq!(cluster.node(primary).command_counts().get("get"), None);
    store.load(record.key()).await.expect("load").expect("it is there");
    assert_eq!(cluster.node(primary).command_counts().get("get"), Some(&1), "the primary still gets reads");
}

/// A replica that lags or is down gets no reads.
#[tokio::test]
async fn a_replica_that_lags_or_is_away_is_not_believed() {
    let mut cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(reading_from_replicas(&cluster.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    let replica = cluster.replicas_of(cluster.primary_of(&name(record.key())))[0];
    let read = async || store.load_from_replica(record.key()).await;
    eventually("a replica has caught up", PATIENCE, async || read().await.ok_or("not yet")).await;
    // Its link to the primary is gone, but it still replies.
    cluster.command(replica, &["CONFIG", "SET", "masterauth", "wrong"]);
    cluster.command(replica, &["CONFIG", "SET", "masteruser", "unknown"]);
    cluster.node(cluster.primary_of(&name(record.key()))).kill_clients("replica");
    eventually("it is not believed any more", PATIENCE, async || {
        read().await.map_or(Ok(()), |_| Err("it still is"))
    })
    .await;
    let next = changed(&record);
    let saved = store.save(&next, record.revision(), TTL, Bytes::new()).await.expect("save");
    assert_eq!(saved, SaveOutcome::Saved);
    assert!(read().await.is_none());
    assert_eq!(store.load(record.key()).await.expect("load").expect("the record").entry, next);
    cluster.kill(replica);
    assert!(read().await.is_none());
}

#[tokio::test]
async fn replicas_behind_sentinels_are_read() {
    let sentinel = RedisSentinel::start().await;
    let (store, _bus) = connected_by(reading_from_replicas(&sentinel.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    eventually("a replica has caught up", PATIENCE, async || {
        store.load_from_replica(record.key()).await.ok_or("not yet")
    })
    .await;
}

#[tokio::test]
async fn without_the_option_no_replica_is_read() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(config(&cluster.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    assert!(!store.reads_from_replicas() && store.load_from_replica(record.key()).await.is_none());
}

/// A durable write is on a replica when it returns, and fails where there are too few replicas.
#[tokio::test]
async fn writes_can_wait_for_replicas() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(config(&cluster.url()).with_wait_replicas(1));
    until_it_serves(&store).await;
    for _ in 0..20 {
        let record = created(&store).await;
        let primary = cluster.primary_of(&name(record.key()));
        let replica = cluster.replicas_of(primary)[0];
        assert_eq!(bytes_at(&cluster, replica, &name(record.key())), Some(record.bytes().to_vec()));
        let tombstone = ended(&record);
        let deleted = store.delete(&tombstone, TTL, DeleteScope::All, Bytes::new()).await;
        assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
        assert_eq!(bytes_at(&cluster, replica, &name(record.key())), Some(tombstone.bytes().to_vec()));
    }
    let few = ClusterOptions { replicas_each: 0, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(few).await;
    let (store, _bus) = connected_by(waiting(1, &cluster.url()));
    until_it_serves(&store).await;
    let record = record();
    let error = store.create(&record, TTL).await.expect_err("no replica has it");
    assert_eq!(cause(&error), &RedisError::NotReplicated);
    let saved = changed(&record);
    // Saves do not wait.
    let outcome = store.save(&saved, record.revision(), TTL, Bytes::new()).await.expect("save");
    assert_eq!(outcome, SaveOutcome::Saved);
    let (plain, _bus) = connected_by(config(&cluster.url()));
    until_it_serves(&plain).await;
    assert_eq!(plain.create(&record, TTL).await.expect("create"), CreateOutcome::Exists);
}

/// With too few replicas, many writes share a wait, the server does not count as dead, and all writes are done all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_replicas_are_no_dead_server() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(waiting(1, &server.url()));
    until_it_serves(&store).await;
    let (plain, _bus) = connected_by(config(&server.url()));
    let there = created(&plain).await;
    for _ in 0..3 {
        let records: Vec<_> = (0..30).map(|_| record()).collect();
        let created = join_all(records.iter().map(|record| store.create(record, TTL))).await;
        assert!(created.iter().all(Result::is_err));
        assert!(!store.circuit_breakers().is_open());
    }
    assert!(delete(&store, &there).await.is_err());
    assert!(!is_there(&plain, &there).await, "it was ended all the same");
}

/// Calls may be cancelled before their limit: the circuit opens all the same, and closes again though
/// nothing else goes over this connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_leave_no_circuit_open() {
    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(short_limits(&cluster.url()).with_wait_replicas(1));
    until_it_serves(&store).await;
    let mut events = store.circuit_breakers().events();
    let record = loop {
        let record = created(&store).await;
        if cluster.primary_of(&name(record.key())) == 0 {
            break record;
        }
    };
    cluster.node(0).pause();
    // Later than half of the limit.
    let leaves = || tokio::time::timeout(Duration::from_millis(300), store.create(&record, TTL));
    join_all((0..14).map(|_| leaves())).await.clear();
    let opened = |event: &CircuitEvent| {
        event.state == CircuitState::Open && event.role == ConnectionRole::DurableWrites
    };
    while !opened(&events.recv().await.expect("an event")) {}
    cluster.node(0).resume();
    let created = eventually("it is let through", PATIENCE, async || store.create(&record, TTL).await).await;
    assert_eq!(created, CreateOutcome::Created, "as the call before it");
}

/// A repeated write waits until a replica has the effect of the earlier call, too: also over a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_write_waits_for_replicas() {
    let cluster = RedisCluster::start().await;
    let (plain, _bus) = connected_by(config(&cluster.url()));
    until_it_serves(&plain).await;
    let [there, ended, moved, gone] =
        [created(&plain).await, created(&plain).await, created(&plain).await, created(&plain).await];
    let mut paused = HashSet::new();
    for record in [&there, &ended, &moved, &gone] {
        paused.extend(cluster.replicas_of(cluster.primary_of(&name(record.key()))));
    }
    paused.into_iter().for_each(|replica| cluster.node(replica).pause());
    assert_eq!(delete(&plain, &ended).await.expect("delete"), DeleteOutcome::Deleted);
    let replaced =
        plain.replace_with_tombstone(&tombstone(&moved), moved.revision(), TTL, Bytes::new()).await;
    assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
    cluster.command(cluster.primary_of(&name(gone.key())), &["DEL", &name(gone.key())]);
    let reconnect = async || {
        let (store, bus) = connected_by(waiting(1, &cluster.url()));
        until_it_serves(&store).await;
        (store, bus)
    };
    // Its connections have written nothing yet.
    let (store, _bus) = reconnect().await;
    assert!(store.create(&there, TTL).await.is_err(), "it was created, and no replica knows for certain");
    for record in [&ended, &moved, &gone] {
        let (store, _bus) = reconnect().await;
        assert!(delete(&store, record).await.is_err(), "it was deleted, and no replica knows");
    }
}

/// When a session is ended again, its tombstone is on a replica once the call returns. It is unchanged, and lasts no longer.
#[tokio::test]
async fn a_delete_that_finds_a_tombstone_waits_for_it() {
    let cluster = RedisCluster::start().await;
    let (plain, _bus) = connected_by(config(&cluster.url()));
    let (store, _bus) = connected_by(config(&cluster.url()).with_wait_replicas(1));
    until_it_serves(&plain).await;
    until_it_serves(&store).await;
    for limited in [true, false] {
        let [first, second] = [created(&plain).await, created(&plain).await];
        let (ended, moved) = (ended(&first), tombstone(&second));
        let deleted = plain.delete(&ended, TTL / 2, DeleteScope::All, Bytes::new()).await;
        assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
        let replaced = plain.replace_with_tombstone(&moved, second.revision(), TTL / 2, Bytes::new()).await;
        assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
        for (tombstone, expected) in
            [(ended, DeleteOutcome::Gone), (moved.clone(), DeleteOutcome::Moved(moved))]
        {
            let name = name(tombstone.key());
            let primary = cluster.primary_of(&name);
            if !limited {
                cluster.command(primary, &["PERSIST", &name]);
            }
            assert_eq!(delete(&store, &tombstone).await.expect("delete"), expected);
            let at_replica = bytes_at(&cluster, cluster.replicas_of(primary)[0], &name);
            assert_eq!(at_replica, Some(tombstone.bytes().to_vec()));
            let left = cluster.node(primary).time_to_live(&name).expect("a limit");
            assert_eq!(left <= TTL / 2, limited, "{left:?}");
        }
    }
}

/// Ending a session needs no room, whatever there is under its key.
#[tokio::test]
async fn a_full_server_ends_sessions_where_writes_wait_for_replicas() {
    let server = RedisServer::start().await;
    let (plain, _bus) = connected_by(config(&server.url()));
    let (store, _bus) = connected_by(waiting(1, &server.url()));
    until_it_serves(&store).await;
    let there = created(&plain).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for record in [&there, &there, &record()] {
        let error = delete(&store, record).await.expect_err("there is no replica");
        assert_eq!(cause(&error), &RedisError::NotReplicated);
    }
    assert!(!is_there(&plain, &there).await);
}

/// B1: when a `WAIT` fails, for whatever reason, the write before it was done. Its error must not say otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_a_rejected_write_leaves_the_record_as_it_was() {
    let server = RedisServer::start().await;
    let (plain, _bus) = connected_by(config(&server.url()));
    // Room for one command at a time.
    let (store, _bus) = connected_by(waiting(1, &server.url()).with_max_in_flight(1));
    until_it_serves(&store).await;
    let (mut rejected, mut done) = (0, 0);
    for _ in 0..5 {
        let records = [created(&plain).await, created(&plain).await, created(&plain).await];
        let replaced = join_all(records.iter().map(async |record| {
            let invalidation = Bytes::from_static(b"invalidation");
            store.replace_with_tombstone(&tombstone(record), record.revision(), TTL, invalidation).await
        }));
        for (record, replaced) in records.iter().zip(replaced.await) {
            let there = is_there(&plain, record).await;
            match replaced.expect_err("there is no replica") {
                StoreError::Rejected(cause) => {
                    assert!(there, "it was replaced nevertheless: {cause}");
                    rejected += 1;
                }
                error => {
                    assert_eq!(cause(&error), &RedisError::NotReplicated);
                    assert!(!there, "it is there all the same");
                    done += 1;
                }
            }
        }
    }
    assert!(rejected >= 5 && done >= 5, "{rejected} rejected, {done} done");
}

/// B1: a `WAIT` that is cut short because its server was demoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_a_demotion_during_a_wait_does_not_reject_the_write() {
    let server = RedisServer::start().await;
    let (plain, _bus) = connected_by(config(&server.url()));
    let record = created(&plain).await;
    // The wait lasts until it is cut short.
    let (store, _bus) = connected_by(config(&server.url()).with_wait_replicas(1));
    until_it_serves(&store).await;
    let tombstone = tombstone(&record);
    let replaced =
        store.replace_with_tombstone(&tombstone, record.revision(), TTL, Bytes::from_static(b"invalidation"));
    let demoted = async {
        eventually("the server waits", PATIENCE, async || {
            let info: String = from_redis_value(server.command(&["INFO", "clients"])).expect("a text");
            if info.contains("blocked_clients:1") { Ok(()) } else { Err(info) }
        })
        .await;
        server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    };
    let (replaced, ()) = tokio::join!(replaced, demoted);
    assert_eq!(cause(&replaced.expect_err("no replica has it")), &RedisError::NotReplicated);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    let loaded = eventually("it serves", PATIENCE, async || plain.load(record.key()).await).await;
    assert!(loaded.is_some_and(|stored| stored.entry.is_tombstone()), "it was replaced");
}

/// What a replica has under a key.
fn bytes_at(cluster: &RedisCluster, node: usize, key: &str) -> Option<Vec<u8>> {
    let client = Client::open(cluster.node(node).url()).expect("a URL");
    let mut connection = client.get_connection().expect("a connection");
    // Otherwise it redirects.
    Cmd::new().arg("READONLY").exec(&mut connection).expect("a reply");
    Cmd::new().arg("GET").arg(key).query(&mut connection).expect("a reply")
}
