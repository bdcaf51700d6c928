//! Records in the server, and values that another program has put there.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::record::{Entry, Record, RecordError, Unknown};
use handstamp_redis::{RedisError, RedisStore};
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, Shard, StoreError, TombstoneOutcome,
    Topology, TouchOutcome,
};
use handstamp_testkit::redis::{Value, from_redis_value};
use handstamp_testkit::{RedisServer, eventually, sealed, sealer, tombstone};

use crate::fake::{FakeServer, empty};
use crate::harness::{
    PATIENCE, PAYLOAD, TTL, cause, changed, config, connected, connected_by, created, delete, ended, found,
    name, record,
};

const INVALIDATION: Bytes = Bytes::from_static(b"invalidation");

async fn save(store: &RedisStore, record: &Entry, before: &Entry) -> Result<SaveOutcome, StoreError> {
    store.save(record, before.revision(), TTL, INVALIDATION).await
}

async fn replace(store: &RedisStore, record: &Entry) -> Result<TombstoneOutcome, StoreError> {
    store.replace_with_tombstone(&tombstone(record), record.revision(), TTL, INVALIDATION).await
}

async fn delete_or_spare(store: &RedisStore, record: &Entry) -> DeleteOutcome {
    store.delete(&ended(record), TTL, DeleteScope::WithoutPredecessor, INVALIDATION).await.expect("delete")
}

#[tokio::test]
async fn a_value_that_is_not_a_record_is_an_error() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for bytes in [&b""[..], b"\0", b"\x01", b"\x01{}", &[0; 100]] {
        let key = *record().key();
        server.set(&name(&key), bytes, TTL);
        let loaded = store.load(&key).await;
        assert!(matches!(loaded, Err(StoreError::Record(RecordError::Malformed))), "{loaded:?}");
    }
}

#[tokio::test]
async fn a_value_that_is_not_a_record_keeps_its_key() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for bytes in [&b""[..], b"x", b"no record at all"] {
        let record = record();
        server.set(&name(record.key()), bytes, TTL);
        let created = store.create(&record, TTL).await.expect("create");
        assert_eq!(created, CreateOutcome::Exists);
        let saved = save(&store, &changed(&record), &record).await.expect("save");
        assert_eq!(saved, SaveOutcome::Conflict);
        let replaced = replace(&store, &record).await;
        assert_eq!(replaced.expect("replace"), TombstoneOutcome::Conflict);
        assert_eq!(server.get(&name(record.key())).as_deref(), Some(bytes));
        let tombstone = ended(&record);
        let deleted = store.delete(&tombstone, TTL, DeleteScope::All, INVALIDATION).await;
        assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
        assert_eq!(server.get(&name(record.key())), Some(tombstone.bytes().to_vec()));
    }
}

/// Long enough to name a predecessor, if it were a record.
#[tokio::test]
async fn a_value_that_is_not_a_record_is_deleted() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = record();
    server.set(&name(record.key()), &[1; 100], TTL);
    assert_eq!(delete_or_spare(&store, &record).await, DeleteOutcome::Deleted);
}

/// No node can read them, so a logout must not have to.
#[tokio::test]
async fn a_value_that_only_begins_like_an_entry_is_deleted() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let named = sealed(&Record { predecessor: Some(*record().key()), ..handstamp_testkit::record() });
    for entry in [named, tombstone(&record()), ended(&record())] {
        let mut version_0 = entry.bytes().to_vec();
        version_0[2] = 0;
        let cut_off = [2, 67, 68, Entry::HEADER_LEN - 1].map(|len| entry.bytes()[..len].to_vec());
        for bytes in cut_off.into_iter().chain([version_0]) {
            server.set(&name(entry.key()), &bytes, TTL);
            let over = ended(&entry);
            let deleted = store.delete(&over, TTL, DeleteScope::WithoutPredecessor, INVALIDATION).await;
            assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted, "{} bytes", bytes.len());
            assert_eq!(server.get(&name(entry.key())), Some(over.bytes().to_vec()));
        }
    }
}

#[tokio::test]
async fn a_record_under_the_key_of_another_is_rejected() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let (mine, theirs) = (created(&store).await, created(&store).await);
    let bytes = server.get(&name(theirs.key())).expect("a record");
    server.set(&name(mine.key()), &bytes, TTL);
    let stored = store.load(mine.key()).await.expect("load").expect("an entry");
    assert_eq!(sealer().open(&stored.entry), Err(RecordError::Forged));
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_left_alone() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let before = created(&store).await;
    let mut newer = changed(&before).bytes().to_vec();
    newer[2] = 2;
    server.set(&name(before.key()), &newer, TTL);

    let stored = store.load(before.key()).await.expect("load").expect("an entry");
    assert_eq!(sealer().open(&stored.entry), Err(RecordError::Newer(Unknown::Format(2))));
    let saved = save(&store, &changed(&before), &before).await.expect("save");
    assert_eq!(saved, SaveOutcome::Conflict);
    let created = store.create(&before, TTL).await.expect("create");
    assert_eq!(created, CreateOutcome::Exists);
    assert_eq!(server.get(&name(before.key())), Some(newer));
}

/// K3.3: a key of another type is no record, as with bytes that are none; it is no outage.
#[tokio::test]
async fn k3_3_a_value_that_is_not_a_string_is_not_a_record() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = record();
    server.command(&["RPUSH", &name(record.key()), "a", "list"]);
    let errors = [
        store.load(record.key()).await.expect_err("no record"),
        save(&store, &changed(&record), &record).await.expect_err("no record"),
        store.touch(record.key(), TTL).await.expect_err("no record"),
        replace(&store, &record).await.expect_err("no record"),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Record(RecordError::Malformed)), "{error:?}");
        assert!(!error.is_outage());
    }
    assert_eq!(store.create(&record, TTL).await.expect("create"), CreateOutcome::Exists);
    assert_eq!(server.command(&["LLEN", &name(record.key())]), Value::Int(2), "it is as it was");
}

#[tokio::test]
async fn a_delete_replaces_a_value_that_is_not_a_string() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for spare in [DeleteScope::All, DeleteScope::WithoutPredecessor] {
        let record = record();
        server.command(&["RPUSH", &name(record.key()), "a", "list"]);
        let tombstone = ended(&record);
        let deleted = store.delete(&tombstone, TTL, spare, INVALIDATION).await;
        assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
        assert_eq!(server.get(&name(record.key())), Some(tombstone.bytes().to_vec()));
        assert!(server.time_to_live(&name(record.key())).is_some());
    }
}

/// Puts an entry there as a later version may write it. Only its head is known.
fn put_newer(server: &RedisServer, entry: &Entry) -> Entry {
    let mut bytes = entry.bytes()[..Entry::HEADER_LEN].to_vec();
    bytes[2] = 2;
    bytes.extend_from_slice(b"whatever comes after it");
    server.set(&name(entry.key()), &bytes, TTL);
    Entry::read(*entry.key(), bytes.into()).expect("a head")
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_deleted_and_replaced() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let successor = || sealed(&Record { predecessor: Some(*record().key()), ..handstamp_testkit::record() });
    let newer = put_newer(&server, &record());
    assert_eq!(delete_or_spare(&store, &newer).await, DeleteOutcome::Deleted);
    let newer = put_newer(&server, &successor());
    assert_eq!(delete_or_spare(&store, &newer).await, DeleteOutcome::OutOfScope(newer.clone()));
    assert_eq!(delete(&store, &newer).await.expect("delete"), DeleteOutcome::Deleted);
    let newer = put_newer(&server, &successor());
    assert_eq!(replace(&store, &newer).await.expect("replace"), TombstoneOutcome::Replaced);
}

#[tokio::test]
async fn a_tombstone_of_a_newer_version_is_one() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let writes = async |newer: &Entry| {
        let before = sealed(&Record { key: *newer.key(), ..handstamp_testkit::record() });
        (
            save(&store, &changed(&before), &before).await.expect("save"),
            replace(&store, &before).await.expect("replace"),
            store.touch(newer.key(), TTL).await.expect("touch"),
        )
    };
    let moved = put_newer(&server, &tombstone(&record()));
    assert_eq!(delete_or_spare(&store, &moved).await, DeleteOutcome::Moved(moved.clone()));
    assert_eq!(writes(&moved).await, (SaveOutcome::Moved, TombstoneOutcome::Moved, TouchOutcome::Moved));
    let over = put_newer(&server, &ended(&record()));
    assert_eq!(delete_or_spare(&store, &over).await, DeleteOutcome::Gone);
    assert_eq!(writes(&over).await, (SaveOutcome::Gone, TombstoneOutcome::Gone, TouchOutcome::Gone));
    for newer in [moved, over] {
        assert_eq!(found(&store, &newer).await.map(|stored| stored.entry), Some(newer));
    }
}

#[tokio::test]
async fn tombstones_have_the_time_to_live_that_they_were_given() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let left = |record: &Entry| server.time_to_live(&name(record.key())).expect("a limit");
    let [first, second] = [created(&store).await, created(&store).await];
    let short = TTL / 4;
    let deleted = store.delete(&ended(&first), short, DeleteScope::All, INVALIDATION).await;
    assert_eq!(deleted.expect("delete"), DeleteOutcome::Deleted);
    assert!(left(&first) <= short, "{:?}", left(&first));
    assert_eq!(delete(&store, &first).await.expect("delete"), DeleteOutcome::Gone);
    assert_eq!(store.touch(first.key(), TTL).await.expect("touch"), TouchOutcome::Gone);
    assert!(left(&first) <= short, "it is as it was: {:?}", left(&first));

    let moved = tombstone(&second);
    let replaced = store.replace_with_tombstone(&moved, second.revision(), TTL, INVALIDATION).await;
    assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
    assert!(left(&second) > short, "{:?}", left(&second));
    store.keep_tombstone(&tombstone(&second), short).await.expect("keep");
    assert!(left(&second) > short, "that was another tombstone");
    store.keep_tombstone(&moved, short).await.expect("keep");
    assert!(left(&second) <= short, "{:?}", left(&second));
}

#[tokio::test]
async fn a_record_without_a_limit_needs_one() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    server.command(&["PERSIST", &name(record.key())]);
    let stored = store.load(record.key()).await.expect("load").expect("a record");
    assert_eq!((stored.remaining, stored.entry), (None, record.clone()));
    let touched = store.touch(record.key(), TTL).await.expect("touch");
    assert_eq!(touched, TouchOutcome::Touched);
    assert!(server.time_to_live(&name(record.key())).is_some());
}

#[tokio::test]
async fn the_server_holds_hashes_with_a_limit_and_nothing_else() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let check = |record: &Entry| {
        let keys = server.keys();
        assert_eq!(keys, [name(record.key())]);
        assert!(server.time_to_live(&keys[0]).is_some(), "a key without a time to live");
        let (tag, hash) =
            keys[0].strip_prefix("test:redis:s:{").expect("the prefix").split_once("}:").expect("a tag");
        assert_eq!((tag.len(), hash.len()), (4, 43));
        assert!(hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    };
    let first = created(&store).await;
    check(&first);
    let _ = store.create(&first, TTL).await.expect("create");
    check(&first);
    let second = changed(&first);
    let _ = save(&store, &second, &first).await.expect("save");
    check(&first);
    let _ = save(&store, &changed(&first), &first).await.expect("save");
    check(&first);
    let _ = store.touch(first.key(), TTL).await.expect("touch");
    check(&first);
    let _ = replace(&store, &first).await;
    check(&first);
    let tombstone = ended(&first);
    let _ = store.delete(&tombstone, TTL, DeleteScope::All, INVALIDATION).await.expect("delete");
    check(&first);
    let _ = save(&store, &changed(&second), &second).await.expect("save");
    let _ = store.touch(first.key(), TTL).await.expect("touch");
    let _ = store.create(&first, TTL).await.expect("create");
    let _ = replace(&store, &second).await.expect("replace");
    let _ = delete(&store, &first).await.expect("delete");
    let _ = delete(&store, &record()).await.expect("delete");
    check(&first);
    assert_eq!(server.get(&name(first.key())), Some(tombstone.bytes().to_vec()));
}

#[tokio::test]
async fn any_time_to_live_will_do() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let first = record();
        let _ = store.create(&first, ttl).await.expect("create");
        let second = created(&store).await;
        let after = changed(&second);
        let saved = store.save(&after, second.revision(), ttl, INVALIDATION);
        assert_eq!(saved.await.expect("save"), SaveOutcome::Saved);
        let third = created(&store).await;
        let touched = store.touch(third.key(), ttl).await.expect("touch");
        assert_eq!(touched, TouchOutcome::Touched);
    }
}

#[tokio::test]
async fn scripts_are_loaded_again_when_the_server_has_forgotten_them() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    for _ in 0..2 {
        let flush = || server.command(&["SCRIPT", "FLUSH"]);
        flush();
        let first = created(&store).await;
        flush();
        let second = changed(&first);
        let saved = save(&store, &second, &first).await.expect("save");
        assert_eq!(saved, SaveOutcome::Saved);
        flush();
        let tombstone = tombstone(&second);
        let replaced = store.replace_with_tombstone(&tombstone, second.revision(), TTL, INVALIDATION).await;
        assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
        flush();
        store.keep_tombstone(&tombstone, TTL).await.expect("keep");
        flush();
        assert_eq!(delete(&store, &first).await.expect("delete"), DeleteOutcome::Moved(tombstone));
    }
}

#[tokio::test]
async fn every_step_is_one_call() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    // The scripts are known from now on.
    let warm = created(&store).await;
    let _ = save(&store, &changed(&warm), &warm).await.expect("save");
    let _ = store.touch(warm.key(), TTL).await.expect("touch");
    store.keep_tombstone(&tombstone(&warm), TTL).await.expect("keep");
    let _ = delete(&store, &warm).await.expect("delete");
    let _ = replace(&store, &warm).await.expect("replace");

    let calls = |expected: &[(&str, u64)]| {
        let expected = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(server.command_counts(), expected);
        server.reset_command_counts();
    };
    server.reset_command_counts();
    let first = created(&store).await;
    calls(&[("evalsha", 1), ("set", 1)]);
    let _ = store.load(first.key()).await.expect("load");
    calls(&[("get", 1), ("pttl", 1)]);
    let _ = store.touch(first.key(), TTL).await.expect("touch");
    calls(&[("evalsha", 1), ("getrange", 1), ("pexpire", 1)]);
    let _ = save(&store, &changed(&first), &first).await.expect("save");
    calls(&[("evalsha", 1), ("getrange", 1), ("publish", 1), ("set", 1)]);
    let _ = delete(&store, &first).await.expect("delete");
    calls(&[("del", 1), ("evalsha", 1), ("exists", 1), ("getrange", 1), ("publish", 1), ("set", 1)]);
    let _ = delete(&store, &first).await.expect("delete");
    calls(&[("evalsha", 1), ("get", 1), ("getrange", 1)]);
    let second = created(&store).await;
    server.reset_command_counts();
    let tombstone = tombstone(&second);
    let replaced = store.replace_with_tombstone(&tombstone, second.revision(), TTL, INVALIDATION).await;
    assert_eq!(replaced.expect("replace"), TombstoneOutcome::Replaced);
    calls(&[("evalsha", 1), ("getrange", 1), ("publish", 1), ("set", 1)]);
    store.keep_tombstone(&tombstone, TTL).await.expect("keep");
    calls(&[("evalsha", 1), ("get", 1), ("pexpire", 1)]);
    store.ping_primary(Shard::ONLY).await.expect("check");
    calls(&[("role", 1)]);
    assert_eq!(server.keys().len(), 3, "the tombstones remain");
}

#[tokio::test]
async fn databases_are_separate() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let (elsewhere, _bus) = connected_by(config(&format!("{}/3", server.url())));
    let record = created(&elsewhere).await;
    assert_eq!(store.load(record.key()).await.expect("load"), None);
    assert!(elsewhere.load(record.key()).await.expect("load").is_some());
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let server = RedisServer::start().await;
    let url = format!("redis+unix://{}", server.socket().display());
    let (store, _bus) = connected_by(config(&url));
    let record = created(&store).await;
    assert_eq!(server.keys(), [name(record.key())]);
}

/// A replica replies with the data that it has, and accepts no writes.
#[tokio::test]
async fn a_server_that_is_no_primary_is_rejected() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let before = created(&store).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = store.ping_primary(Shard::ONLY).await.expect_err("a replica");
    assert!(matches!(error, StoreError::Rejected(_)), "{error:?}");
    assert_eq!(cause(&error), &RedisError::NotPrimary);
    // Another connection might lead to a primary. While none does, nothing is sent there.
    eventually("the replica is left", PATIENCE, async || {
        let error = save(&store, &changed(&before), &before).await.expect_err("a replica");
        if *cause(&error) == RedisError::NotPrimary { Ok(()) } else { Err(error) }
    })
    .await;
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("the store takes it for a primary again", PATIENCE, async || {
        store.ping_primary(Shard::ONLY).await
    })
    .await;
}

/// The same address may lead to its successor by now.
#[tokio::test]
async fn a_demoted_server_is_left() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let before = created(&store).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let connections = || {
        let info: String = from_redis_value(server.command(&["INFO", "stats"])).expect("a text");
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.and_then(|count| count.parse::<u64>().ok()).expect("a count")
    };
    // Each look is a connection of its own.
    let at_first = connections();
    assert_eq!(connections(), at_first + 1);
    assert!(store.ping_primary(Shard::ONLY).await.is_err());
    let mut looks = 1;
    eventually("another connection is made", PATIENCE, async || {
        looks += 1;
        if connections() > at_first + looks { Ok(()) } else { Err("only ours") }
    })
    .await;
    server.command(&["REPLICAOF", "NO", "ONE"]);
    eventually("it serves", PATIENCE, async || store.load(before.key()).await).await;
}

#[tokio::test]
async fn a_full_server_rejects_writes() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let before = created(&store).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for error in [
        store.create(&record(), TTL).await.expect_err("no room"),
        save(&store, &changed(&before), &before).await.expect_err("no room"),
    ] {
        assert!(matches!(error, StoreError::Rejected(_)), "{error:?}");
        assert!(matches!(cause(&error), RedisError::ErrorReply(reply) if reply.code() == "OOM"), "{error:?}");
    }
    // Ending a session needs no room.
    assert_eq!(delete(&store, &before).await.expect("delete"), DeleteOutcome::Deleted);
}

/// A server that lacks a command quotes its arguments.
#[tokio::test]
async fn errors_show_neither_keys_nor_payloads() {
    let server = RedisServer::start_with(handstamp_testkit::ServerOptions {
        args: ["--rename-command", "EVALSHA", "", "--rename-command", "GET", ""].map(str::to_owned).to_vec(),
        ..Default::default()
    })
    .await;
    let (store, _bus) = connected(&server);
    let record = record();
    for error in [
        store.create(&record, TTL).await.expect_err("no such command"),
        store.load(record.key()).await.expect_err("no such command"),
    ] {
        let mut shown = format!("{error:?}");
        let mut next: Option<&dyn Error> = Some(&error);
        while let Some(error) = next {
            shown += &format!("; {error}");
            next = error.source();
        }
        assert!(shown.contains("it lacks a command"), "{shown}");
        assert!(!shown.contains(&record.key().to_string()) && !shown.contains(PAYLOAD), "{shown}");
    }
}

/// During a failover, servers reject commands for a moment: these are sent once more, and no more.
#[tokio::test]
async fn a_transient_error_is_retried_once() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = attempts.clone();
    let server = FakeServer::start(move |_| {
        let count = count.clone();
        Box::new(move |word| match word {
            "EVALSHA" => {
                count.fetch_add(1, Ordering::Relaxed);
                Some("-LOADING Redis is loading the dataset in memory\r\n")
            }
            word => empty(word),
        })
    })
    .await;
    let (store, _bus) = connected_by(config(&server.url()));
    assert!(store.create(&record(), TTL).await.is_err());
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}
