use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Entry;
use handstamp_redis::{RedisBus, RedisStore, RedisSubscription};
use handstamp_store::{
    Bus, BusEvent, DeleteOutcome, FenceOutcome, Records, SaveOutcome, Shard, StoreError, Subscription,
    Topology, TouchOutcome, conformance,
};
use handstamp_testkit::{RedisCluster, RedisServer, eventually, tombstone};

use crate::harness::{
    PATIENCE, TTL, changed, config, connected_by, created, delete, is_there, record, short_limits,
    until_it_serves,
};
use crate::rejections::{busy, end_script, lose_disk, with_a_disk_to_lose};

async fn tracking(url: &str) -> (RedisStore, RedisBus) {
    let pair = connected_by(config(url).with_tracking(true));
    until_it_serves(&pair.0).await;
    pair
}

/// All events up to now.
async fn received(subscription: &mut RedisSubscription) -> Vec<BusEvent> {
    subscription.fence().await.expect("fence");
    std::iter::from_fn(|| subscription.try_next()).map(|event| event.expect("an event")).collect()
}

fn changes_of(events: &[BusEvent], key: &SessionKey) -> usize {
    events.iter().filter(|event| **event == BusEvent::KeyChanged(*key)).count()
}

async fn save(store: &RedisStore, record: &Entry) -> Entry {
    let next = changed(record);
    let saved = store.save(&next, record.revision(), TTL, Bytes::from_static(b"invalidation")).await;
    assert_eq!(saved.expect("save"), SaveOutcome::Saved);
    next
}

#[tokio::test]
async fn records_and_messages_are_as_ever() {
    let server = RedisServer::start().await;
    let (store, bus) = tracking(&server.url()).await;
    conformance::records(&store).await;
    let cluster = RedisCluster::start().await;
    let (clustered, clustered_bus) = tracking(&cluster.url()).await;
    conformance::records(&clustered).await;
    for shard in clustered.shards().current() {
        conformance::bus(&clustered_bus, shard).await;
    }
    conformance::bus(&bus, Shard::ONLY).await;
}

/// A node that has read a session receives each change of it by another node.
#[tokio::test]
async fn a_node_that_has_read_a_session_receives_its_changes() {
    for url in [RedisServer::start().await].iter().map(RedisServer::url) {
        let (one, _bus) = tracking(&url).await;
        let (other, bus) = tracking(&url).await;
        let mut record = created(&one).await;
        let mut subscription = bus.subscribe(other.shard_of(record.key())).await.expect("subscribe");
        assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 0);
        for _ in 0..3 {
            other.load(record.key()).await.expect("load").expect("the record");
            record = save(&one, &record).await;
            assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 1);
            record = save(&one, &record).await;
            assert_eq!(
                changes_of(&received(&mut subscription).await, record.key()),
                0,
                "it was not read again"
            );
        }
        other.load(record.key()).await.expect("load").expect("the record");
        assert_eq!(delete(&one, &record).await.expect("delete"), DeleteOutcome::Deleted);
        assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 1);
        assert!(!is_there(&other, &record).await);
    }
}

/// A node does not receive its own changes, and receives later changes by other nodes.
#[tokio::test]
async fn own_changes_are_not_received_and_later_ones_are() {
    let server = RedisServer::start().await;
    let (one, bus) = tracking(&server.url()).await;
    let (other, _bus) = tracking(&server.url()).await;
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let created = created(&one).await;
    let saved = save(&other, &created).await;
    assert_eq!(changes_of(&received(&mut subscription).await, created.key()), 1, "after a create");
    one.load(created.key()).await.expect("load").expect("the record");
    let saved = save(&one, &saved).await;
    assert_eq!(changes_of(&received(&mut subscription).await, created.key()), 0);
    let saved = save(&other, &saved).await;
    assert_eq!(changes_of(&received(&mut subscription).await, created.key()), 1, "after a save");
    one.load(created.key()).await.expect("load").expect("the record");
    let _ = one.touch(created.key(), TTL * 2).await.expect("touch");
    assert_eq!(changes_of(&received(&mut subscription).await, created.key()), 0);
    let tombstone = tombstone(&saved);
    let _ =
        other.replace_with_tombstone(&tombstone, saved.revision(), TTL, Bytes::new()).await.expect("replace");
    assert_eq!(changes_of(&received(&mut subscription).await, created.key()), 1, "after a touch");
}

#[tokio::test]
async fn a_new_subscription_receives_changes_again() {
    let server = RedisServer::start().await;
    let (one, bus) = tracking(&server.url()).await;
    let (other, _bus) = tracking(&server.url()).await;
    let shard = Shard::ONLY;
    let record = created(&other).await;
    drop(bus.subscribe(shard).await.expect("subscribe"));
    let mut subscription = bus.subscribe(shard).await.expect("subscribe");
    one.load(record.key()).await.expect("load").expect("the record");
    let record = save(&other, &record).await;
    assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 1);
    // Another connection for commands needs its own redirection.
    server.kill_clients("normal");
    while subscription.next().await.is_ok() {}
    until_it_serves(&one).await;
    let mut subscription = bus.subscribe(shard).await.expect("subscribe");
    one.load(record.key()).await.expect("load").expect("the record");
    until_it_serves(&other).await;
    let record = save(&other, &record).await;
    assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 1);
}

/// Whether the fence reports that everything may be gone: some servers announce that in a way that ends the subscription.
async fn may_be_gone(subscription: &RedisSubscription) -> bool {
    !matches!(subscription.fence().await, Ok(FenceOutcome::Complete))
}

#[tokio::test]
async fn an_emptied_server_is_noticed() {
    let server = RedisServer::start().await;
    let (_one, bus) = tracking(&server.url()).await;
    let (_other, other_bus) = tracking(&server.url()).await;
    let shard = Shard::ONLY;
    let subscriptions = [
        bus.subscribe(shard).await.expect("subscribe"),
        other_bus.subscribe(shard).await.expect("subscribe"),
    ];
    for subscription in &subscriptions {
        assert!(!may_be_gone(subscription).await && !may_be_gone(subscription).await);
    }
    server.command(&["FLUSHALL"]);
    for subscription in &subscriptions {
        assert!(may_be_gone(subscription).await);
    }
    let subscription = bus.subscribe(shard).await.expect("subscribe");
    assert!(!may_be_gone(&subscription).await && !may_be_gone(&subscription).await);
}

/// Where the server's own message does not arrive, the canary detects it.
#[tokio::test]
async fn a_dead_canary_is_noticed() {
    let server = RedisServer::start().await;
    let (_store, bus) = tracking(&server.url()).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    let [canary] = server.keys().try_into().expect("the canary and nothing else");
    server.command(&["DEL", &canary]);
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::OwnershipLost);
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
}

/// K6.3: the canary gets through however many commands wait, as a check does.
#[tokio::test]
async fn k6_3_overload_ends_no_subscription() {
    let server = RedisServer::start().await;
    let (store, bus) = connected_by(config(&server.url()).with_tracking(true).with_max_in_flight(0));
    until_it_serves(&store).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    for _ in 0..3 {
        assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    }
    assert!(store.load(record().key()).await.is_err(), "there is no room");
}

/// K6.2: tracking survives a stall.
#[tokio::test]
async fn k6_2_a_stall_ends_no_subscription() {
    let server = RedisServer::start().await;
    let (other, _bus) = tracking(&server.url()).await;
    let (store, bus) = connected_by(short_limits(&server.url()).with_tracking(true));
    let mut there = created(&other).await;
    let mut subscription =
        eventually("a subscription", PATIENCE, async || bus.subscribe(Shard::ONLY).await).await;
    let before = server.clients_named("handstamp:commands");
    for _ in 0..3 {
        eventually("a load", PATIENCE, async || store.load(there.key()).await).await.expect("the record");
        server.pause();
        let fence = tokio::spawn(subscription.fence());
        eventually("loads are not waited for", PATIENCE, async || {
            let error = store.load(there.key()).await.expect_err("no reply");
            if matches!(error, StoreError::Unavailable(_)) { Ok(()) } else { Err(error) }
        })
        .await;
        // A fence that begins while the server is known not to reply waits, too.
        let late = tokio::spawn(subscription.fence());
        server.resume();
        for fence in [fence, late] {
            assert_eq!(fence.await.expect("no panic").expect("a fence"), FenceOutcome::Complete);
        }
        there = save(&other, &there).await;
        assert_eq!(changes_of(&received(&mut subscription).await, there.key()), 1);
        assert_eq!(server.clients_named("handstamp:commands"), before);
    }
}

/// K6.2: a server that cannot write to its disk rejects `PING`, too, and serves reads.
#[tokio::test]
async fn k6_2_a_server_that_cannot_write_to_its_disk_is_listened_to() {
    let server = with_a_disk_to_lose().await;
    let (store, bus) = tracking(&server.url()).await;
    let record = created(&store).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    lose_disk(&server).await;
    let (late, late_bus) = tracking(&server.url()).await;
    late.load(record.key()).await.expect("load").expect("the record");
    let late_subscription = late_bus.subscribe(Shard::ONLY).await.expect("subscribe");
    for _ in 0..3 {
        assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
        assert_eq!(late_subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    }
    // Without a canary, a fence cannot detect whether everything is gone.
    server.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    server.command(&["FLUSHALL"]);
    server.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]);
    lose_disk(&server).await;
    for _ in 0..3 {
        assert!(may_be_gone(&subscription).await);
    }
    server.command(&["CONFIG", "SET", "save", ""]);
    let subscription = eventually("a canary is left", PATIENCE, async || {
        let subscription = bus.subscribe(Shard::ONLY).await.map_err(|error| error.to_string())?;
        let found = subscription.fence().await.is_ok() && !server.keys().is_empty();
        if found { Ok(subscription) } else { Err("not yet".to_owned()) }
    })
    .await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
}

/// K6.2: while a script runs, nothing is known; afterwards everything is.
#[tokio::test]
async fn k6_2_a_script_ends_no_subscription() {
    let server = RedisServer::start().await;
    let (store, bus) = tracking(&server.url()).await;
    let record = created(&store).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    let script = busy(&server, &store, &record).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Pending);
    end_script(&server, script).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
}

/// A server that can no longer redirect its messages reports that, and the report is not taken for a reply.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_listener_replies_stay_in_step() {
    let server = RedisServer::start().await;
    let (one, bus) = tracking(&server.url()).await;
    let (other, _bus) = tracking(&server.url()).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let (mut there, gone) = (created(&other).await, record());
    for round in 0..300 {
        if round == 20 {
            server.kill_clients("pubsub");
        }
        one.load(there.key()).await.expect("load").expect("the record");
        let (touched, missing, saved) =
            tokio::join!(one.touch(there.key(), TTL), one.touch(gone.key(), TTL), save(&other, &there));
        assert_eq!(touched.expect("touch"), TouchOutcome::Touched);
        assert_eq!(missing.expect("touch"), TouchOutcome::Gone);
        there = saved;
    }
    drop(subscription);
}

/// Only the node that created a session durably receives its changes.
#[tokio::test]
async fn changes_to_a_durably_created_session_are_received() {
    let cluster = RedisCluster::start().await;
    let durable = config(&cluster.url()).with_tracking(true).with_wait_replicas(1);
    let (one, bus) = connected_by(durable);
    let (other, _bus) = tracking(&cluster.url()).await;
    until_it_serves(&one).await;
    for _ in 0..5 {
        let warm = created(&one).await;
        let mut subscription = bus.subscribe(one.shard_of(warm.key())).await.expect("subscribe");
        let record = loop {
            let record = created(&one).await;
            if one.shard_of(record.key()) == one.shard_of(warm.key()) {
                break record;
            }
        };
        assert_eq!(delete(&other, &record).await.expect("delete"), DeleteOutcome::Deleted);
        assert_eq!(changes_of(&received(&mut subscription).await, record.key()), 1);
    }
}

#[tokio::test]
async fn in_a_cluster_every_primary_announces_its_own_keys() {
    let cluster = RedisCluster::start().await;
    let (one, _bus) = tracking(&cluster.url()).await;
    let (other, bus) = tracking(&cluster.url()).await;
    let mut subscriptions = Vec::new();
    for shard in other.shards().current() {
        subscriptions.push((shard, bus.subscribe(shard).await.expect("subscribe")));
    }
    for _ in 0..12 {
        let record = created(&one).await;
        other.load(record.key()).await.expect("load").expect("the record");
        save(&one, &record).await;
        for (shard, subscription) in &mut subscriptions {
            let expected = usize::from(*shard == other.shard_of(record.key()));
            assert_eq!(changes_of(&received(subscription).await, record.key()), expected);
        }
    }
    let primary = cluster.primaries()[0];
    cluster.command(primary, &["FLUSHALL"]);
    let mut gone = 0;
    for (_, subscription) in &subscriptions {
        gone += usize::from(may_be_gone(subscription).await);
    }
    assert_eq!(gone, 1);
}
