//! A store of several shards: what befalls one of them costs the sessions of the others nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{
    Bus, ClusteredStore, CreateOutcome, Lookup, MemoryBus, MemoryStore, SaveOutcome, Settings, Shard, Store,
    StoreError, Subscription, SystemClock,
};
use handstamp_testkit::{DeafBus, Ears, Faults, FaultyStore, ShardLayout, ShardedBus, ShardedStore, until};
use tokio::time::{Instant, sleep, timeout};

use crate::support::*;

/// Several nodes on one store and one bus of two shards each.
struct ShardedCluster {
    layout: ShardLayout,
    stores: [MemoryStore; 2],
    buses: [MemoryBus; 2],
}

type ShardedNode = TestNode<[Faults; 2], [Ears; 2]>;

const SHARDS: [Shard; 2] = [Shard::new(0), Shard::new(1)];

impl ShardedCluster {
    fn new() -> Self {
        let buses = [(); 2].map(|()| MemoryBus::new());
        Self { layout: ShardLayout::new(2), stores: buses.clone().map(MemoryStore::new), buses }
    }

    async fn node(&self, name: &str) -> ShardedNode {
        self.node_with(name, Settings::default()).await
    }

    /// A node that waits long for a load.
    async fn patient_node(&self, name: &str) -> ShardedNode {
        self.node_with(name, Settings { load_budget: Duration::from_secs(600), ..Settings::default() }).await
    }

    async fn node_with(&self, name: &str, settings: Settings) -> ShardedNode {
        let node = self.begin(name, settings);
        node.clustered.settled().await;
        node
    }

    /// A node that may not have reached anything yet.
    fn begin(&self, name: &str, settings: Settings) -> ShardedNode {
        let ([store_0, store_1], faults) = pairs(self.stores.clone().map(FaultyStore::new));
        let ([bus_0, bus_1], ears) = pairs(self.buses.clone().map(DeafBus::new));
        let clustered = ClusteredStore::start(
            ShardedStore::new(&self.layout, [store_0, store_1]),
            ShardedBus::new(&self.layout, [bus_0, bus_1]),
            messenger(name, SECRET),
            Arc::new(SystemClock),
            settings,
        );
        TestNode { clustered, faults, ears }
    }

    /// Moves a session to the second shard. Others whose keys begin with the same byte are left behind.
    async fn move_to_second(&self, record: &Record) {
        self.copy_to_second(record).await;
        self.layout.give(&record.key, SHARDS[1]);
    }

    async fn copy_to_second(&self, record: &Record) {
        assert_eq!(self.layout.shard_of(&record.key), SHARDS[0]);
        let stored = self.stores[0].load(&record.key).await.unwrap().unwrap();
        assert_eq!(self.stores[1].create(&stored.record, TTL).await.unwrap(), CreateOutcome::Created);
    }
}

fn pairs<A, B>([(a_0, b_0), (a_1, b_1)]: [(A, B); 2]) -> ([A; 2], [B; 2]) {
    ([a_0, a_1], [b_0, b_1])
}

/// A session that lies in this shard at first, and whose key begins with this byte or the one after.
fn record_in(shard: usize, byte: u8) -> Record {
    let mut key = *record().key.as_bytes();
    key[0] = byte / 2 * 2 + u8::try_from(shard).unwrap();
    record_of(key)
}

/// As many keys that lie in this shard at first.
fn keys_in(shard: usize, count: usize) -> Vec<SessionKey> {
    (0..count).map(|_| record_in(shard, 0).key).collect()
}

impl ShardedNode {
    /// A session in each shard, both of which this node has in its cache.
    async fn create_two(&self) -> [Record; 2] {
        let records = [self.keep(record_in(0, 0)).await, self.keep(record_in(1, 0)).await];
        for record in &records {
            assert_eq!(self.lookup(&record.key), Some(found("first")));
        }
        records
    }

    fn clears(&self) -> u64 {
        self.clustered.bus_stats().clears
    }

    /// Running, healthy, healthy in part, healthy for the one session and the other.
    fn status(&self, [one, other]: &[Record; 2]) -> [bool; 5] {
        let node = &self.clustered;
        [
            node.running(),
            node.healthy(),
            node.healthy_in_part(),
            node.healthy_for(&one.key),
            node.healthy_for(&other.key),
        ]
    }

    async fn until_status(&self, records: &[Record; 2], expected: [bool; 5]) {
        until(&format!("{expected:?}"), async || self.status(records) == expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_hangs_costs_the_others_no_time() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [_, cached] = node.create_two().await;
    let [loaded, saved] = [node.keep(record_in(1, 2)).await, node.keep(record_in(1, 4)).await];
    node.clustered.evict(&loaded.key);
    node.faults[0].hang();
    // More than there may be at the shard.
    let waiting = keys_in(0, 1_000);
    let waiting = join_all(waiting.iter().map(|key| node.load(key)));
    let calls = node.faults[0].calls();
    let others = async {
        until("there are many at the shard", async || node.faults[0].calls() - calls == 256).await;
        // Time stands still unless everybody waits for it.
        let started = Instant::now();
        assert_eq!(node.lookup(&cached.key), Some(found("first")));
        assert_eq!(node.load(&loaded.key).await.unwrap(), found("first"));
        let second = changed(&saved, "second");
        assert_eq!(node.save(&second, saved.revision).await.unwrap(), SaveOutcome::Saved);
        assert_eq!(node.load(&record_in(1, 6).key).await.unwrap(), Lookup::Absent);
        assert!(node.delete(&second).await.unwrap());
        assert_eq!(started.elapsed(), Duration::ZERO);
    };
    let (waited, ()) = tokio::join!(waiting, others);
    assert!(waited.iter().all(|loaded| matches!(loaded, Err(StoreError::TimedOut))), "they were to wait");
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_the_others_stays_cached_while_a_shard_hangs() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    node.faults[0].hang();
    node.until_status(&records, [true, false, true, false, true]).await;
    let calls = node.faults[1].calls();
    let started = Instant::now();
    while started.elapsed() < MAX_STALENESS * 3 {
        assert_eq!(node.lookup(&records[1].key), Some(found("first")));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.lookup(&records[0].key), None, "of this nobody knows any more");
    assert_eq!(node.faults[1].calls(), calls);
    node.faults[0].work();
    node.until_status(&records, [true; 5]).await;
    assert_eq!(node.read(&records[0].key).await.unwrap(), found("first"));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_not_heard_is_read_through_and_the_others_are_not() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    two.ears[0].close();
    assert!(one.delete(&records[0]).await.unwrap());
    sleep(MAX_STALENESS).await;
    assert_eq!(two.lookup(&records[0].key), None);
    let limit = Duration::from_secs(20);
    assert_eq!(two.outdated(&records[0].key, limit), Some(found("first")), "a copy for an outage");
    let calls = [0, 1].map(|shard| two.faults[shard].calls());
    for _ in 0..10 {
        assert_eq!(two.read(&records[0].key).await.unwrap(), Lookup::Absent);
        assert_eq!(two.read(&records[1].key).await.unwrap(), found("first"));
    }
    assert_eq!([0, 1].map(|shard| two.faults[shard].calls() - calls[shard]), [10, 0]);
    two.until_status(&records, [false, true, true, true, true]).await;
    two.ears[0].open();
    two.until_status(&records, [true; 5]).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_shard_whose_messages_were_lost_is_not_served() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    // More than the channel holds.
    for _ in 0..20_000 {
        cluster.buses[0].publish(Shard::ONLY, "one of too many".into()).await.unwrap();
    }
    // Before the next subscription.
    sleep(Duration::from_millis(1)).await;
    assert_eq!([0, 1].map(|shard| node.lookup(&records[shard].key)), [None, Some(found("first"))]);
    node.until_status(&records, [true; 5]).await;
    assert_eq!([0, 1].map(|shard| node.lookup(&records[shard].key)), [None, Some(found("first"))]);
    assert_eq!(node.read(&records[0].key).await.unwrap(), found("first"));
    assert_eq!(node.lookup(&records[0].key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn copies_for_an_outage_last_as_long_as_they_may_for_each_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let limit = Duration::from_secs(10);
    node.ears[0].close();
    let closed = Instant::now();
    while node.outdated(&records[0].key, limit).is_some() {
        assert!(closed.elapsed() < limit, "served for {:?}", closed.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    assert!(closed.elapsed() > limit - MAX_STALENESS, "served for {:?}", closed.elapsed());
    assert_eq!(node.outdated(&records[1].key, limit), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_shard_that_lost_sessions_is_forgotten() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let neighbour = node.keep(record_in(0, 8)).await;
    let (clears, calls) = (node.clears(), node.faults[1].calls());
    cluster.layout.give(&records[0].key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    for gone in [&records[0], &neighbour] {
        assert_eq!(node.lookup(&gone.key), None);
    }
    assert_eq!(node.lookup(&records[1].key), Some(found("first")));
    assert_eq!(node.clustered.size(), 1);
    assert_eq!(node.read(&neighbour.key).await.unwrap(), found("first"));
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&neighbour.key), Some(found("first")), "it was only told once");
    assert_eq!(node.clears(), clears + 1);
    assert_eq!(node.faults[1].calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_fill_from_before_a_shard_lost_sessions_is_not_believed() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let [moved, _] = node.create_two().await;
    node.clustered.clear();
    let mut held = node.faults[0].hold_next_load();
    let (loaded, ()) = tokio::join!(node.load(&moved.key), async {
        held.reached().await;
        cluster.move_to_second(&moved).await;
        let second = changed(&moved, "second");
        let saved = cluster.stores[1].save(&second, moved.revision, TTL, "not heard".into());
        assert_eq!(saved.await.unwrap(), SaveOutcome::Saved);
        let clears = node.clears();
        until("the loss is told", async || node.clears() > clears).await;
        held.release();
    });
    assert_eq!(loaded.unwrap(), found("second"), "it was asked for again, where it lies now");
    assert_eq!(node.read(&moved.key).await.unwrap(), found("second"));
}

/// Whichever shard it was asked for at first, it depends on what is heard from the one that it came from.
#[tokio::test(start_paused = true)]
async fn a_session_that_moves_while_it_is_loaded_depends_on_where_it_moved_to() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let [moved, _] = node.create_two().await;
    node.clustered.clear();
    let mut held = node.faults[0].hold_next_load();
    let (loaded, ()) = tokio::join!(node.load(&moved.key), async {
        held.reached().await;
        cluster.move_to_second(&moved).await;
        let clears = node.clears();
        until("the loss is told", async || node.clears() > clears).await;
        held.release();
    });
    assert_eq!(loaded.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_moves_while_its_load_waits_for_its_turn_depends_on_where_it_moved_to() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let moved = node.keep(record_in(0, 8)).await;
    node.clustered.clear();
    node.faults[0].hang();
    let first = keys_in(0, 256);
    let first = join_all(first.iter().map(|key| node.load(key)));
    let calls = node.faults[0].calls();
    let waiting = async {
        until("there are many at the shard", async || node.faults[0].calls() - calls == 256).await;
        node.load(&moved.key).await
    };
    let (_, loaded, ()) = tokio::join!(first, waiting, async {
        until("there are many at the shard", async || node.faults[0].calls() - calls == 256).await;
        sleep(MAX_STALENESS).await;
        cluster.move_to_second(&moved).await;
        let clears = node.clears();
        until("the loss is told", async || node.clears() > clears).await;
        node.faults[0].work();
    });
    assert_eq!(loaded.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

/// The shard tells of the loss before the node knows who has the session now: the load finds out.
#[tokio::test(start_paused = true)]
async fn a_load_that_is_redirected_depends_on_where_it_is_redirected_to() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [moved, _] = node.create_two().await;
    cluster.copy_to_second(&moved).await;
    cluster.layout.give_unnoticed(&moved.key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    assert_eq!(node.load(&moved.key).await.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

#[tokio::test(start_paused = true)]
async fn a_save_that_is_redirected_depends_on_where_it_is_redirected_to() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [moved, _] = node.create_two().await;
    cluster.copy_to_second(&moved).await;
    cluster.layout.give_unnoticed(&moved.key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    let second = changed(&moved, "second");
    assert_eq!(node.save(&second, moved.revision).await.unwrap(), SaveOutcome::Saved);
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

/// The second shard goes deaf, and this session, which lies there, is ended. The node may serve it for `MAX_STALENESS`.
async fn assert_ended_in_time_without_messages(
    cluster: &ShardedCluster,
    node: &ShardedNode,
    record: &Record,
) {
    node.ears[1].close();
    assert!(cluster.stores[1].delete(&record.key, "not heard".into()).await.unwrap());
    sleep(MAX_STALENESS).await;
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_moved_is_cached_again_and_depends_on_where_it_lies_now() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [moved, _] = one.create_two().await;
    assert_eq!(two.read(&moved.key).await.unwrap(), found("first"));
    cluster.move_to_second(&moved).await;
    sleep(MAX_STALENESS).await;
    for node in [&one, &two] {
        assert_eq!(node.lookup(&moved.key), None);
        assert_eq!(node.load(&moved.key).await.unwrap(), found("first"));
        // What is heard or not heard of the other shard does not matter to it any more.
        node.ears[0].close();
    }
    sleep(MAX_STALENESS * 2).await;
    let calls = two.faults[1].calls();
    assert_eq!(two.read(&moved.key).await.unwrap(), found("first"));
    assert_eq!(two.faults[1].calls(), calls, "it is in the cache");
    let second = changed(&moved, "second");
    assert_eq!(one.save(&second, moved.revision).await.unwrap(), SaveOutcome::Saved);
    until("two hears of it", async || two.read(&moved.key).await.unwrap() == found("second")).await;
    assert!(one.delete(&moved).await.unwrap());
    until("two hears of the end", async || two.read(&moved.key).await.unwrap() == Lookup::Absent).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_shard_that_is_gone_is_not_served() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    cluster.layout.remove(SHARDS[0]);
    // Sooner than a proof would be too old.
    sleep(Duration::from_millis(1)).await;
    assert_eq!([0, 1].map(|shard| two.lookup(&records[shard].key)), [None, Some(found("first"))]);
    assert_eq!(two.outdated(&records[0].key, MAX_STALENESS), Some(found("first")), "a copy for an outage");
    let loads = two.faults[0].calls();
    for _ in 0..3 {
        assert_eq!(two.read(&records[0].key).await.unwrap(), found("first"), "as the store says");
    }
    assert_eq!(two.faults[0].calls(), loads + 3);

    cluster.layout.add(SHARDS[0]);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(two.lookup(&records[0].key), None, "nobody listened meanwhile");
    assert_eq!(two.read(&records[0].key).await.unwrap(), found("first"));
    assert_eq!(two.lookup(&records[0].key), Some(found("first")));
    one.delete(&records[0]).await.unwrap();
    until("two hears of the end", async || two.lookup(&records[0].key) != Some(found("first"))).await;
    assert_eq!(two.read(&records[0].key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_health_follows_the_shards() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let well = [true; 5];
    assert_eq!(node.status(&records), well);
    for (shard, of_sessions) in [(0, [false, true]), (1, [true, false])] {
        let [one, other] = of_sessions;
        node.faults[shard].fail();
        node.until_status(&records, [true, false, true, one, other]).await;
        node.ears[shard].close();
        node.until_status(&records, [false, false, true, one, other]).await;
        node.faults[shard].work();
        node.until_status(&records, [false, true, true, true, true]).await;
        // What is not there any more is not missed.
        cluster.layout.remove(SHARDS[shard]);
        node.until_status(&records, well).await;
        cluster.layout.add(SHARDS[shard]);
        sleep(Duration::from_millis(1)).await;
        assert!(!node.clustered.running(), "it is there again, and not heard");
        node.ears[shard].open();
        node.until_status(&records, well).await;
    }
    node.faults.iter().for_each(Faults::fail);
    node.until_status(&records, [true, false, false, false, false]).await;
}

#[tokio::test(start_paused = true)]
async fn without_any_shard_a_node_caches_nothing_and_says_so() {
    let cluster = ShardedCluster::new();
    SHARDS.into_iter().for_each(|shard| cluster.layout.remove(shard));
    let node = cluster.begin("one", Settings::default());
    let records = [record_in(0, 0), record_in(1, 0)];
    assert!(timeout(MAX_STALENESS * 10, node.clustered.settled()).await.is_err());
    assert_eq!(node.status(&records), [false; 5]);
    node.keep(records[0].clone()).await;
    assert_eq!(node.lookup(&records[0].key), None);
    assert_eq!(node.load(&records[0].key).await.unwrap(), found("first"), "as the store says");
    assert_eq!(node.lookup(&records[0].key), None);
    assert!(node.clustered.publish_cache_clear().await.is_err(), "nobody was told");
    node.faults[0].fail();
    assert!(matches!(node.load(&records[0].key).await, Err(StoreError::Unavailable(_))));
    node.faults[0].work();
    SHARDS.into_iter().for_each(|shard| cluster.layout.add(shard));
    timeout(MAX_STALENESS, node.clustered.settled()).await.expect("all are heard");
    assert_eq!(node.status(&records), [true; 5]);
    node.load(&records[0].key).await.unwrap();
    assert_eq!(node.lookup(&records[0].key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn a_node_has_settled_when_it_knows_of_every_shard() {
    let cluster = ShardedCluster::new();
    for shard in [0, 1] {
        let node = cluster.begin("one", Settings::default());
        node.ears[shard].close();
        assert!(timeout(MAX_STALENESS * 10, node.clustered.settled()).await.is_err(), "one is not heard");
        node.ears[shard].open();
        timeout(MAX_STALENESS * 10, node.clustered.settled()).await.expect("all are heard");
        let node = cluster.begin("two", Settings::default());
        node.faults[shard].fail();
        timeout(MAX_STALENESS, node.clustered.settled()).await.expect("all have been asked");
        assert!(!node.clustered.healthy() && node.clustered.healthy_in_part());
    }
}

#[tokio::test(start_paused = true)]
async fn clearing_is_told_by_every_shard() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    assert_eq!(two.clustered.size(), 2);
    one.clustered.publish_cache_clear().await.unwrap();
    until("two hears of it", async || two.clustered.size() == 0).await;
    for record in &records {
        assert_eq!(two.lookup(&record.key), None);
    }
}

#[tokio::test]
async fn that_a_session_shall_be_forgotten_is_told_by_its_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    for (shard, record) in records.iter().enumerate() {
        let [mut here, mut there] = [
            cluster.buses[shard].subscribe(Shard::ONLY).await.unwrap(),
            cluster.buses[1 - shard].subscribe(Shard::ONLY).await.unwrap(),
        ];
        node.clustered.publish_invalidation(&record.key).await.unwrap();
        assert!(here.try_next().is_some() && there.try_next().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_back_is_told_what_ended_and_does_not_wait_for_the_others() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [of_many, ended] = node.create_two().await;
    end_many_of(&node, 0, &of_many).await;
    node.faults[1].fail();
    assert!(node.delete(&ended).await.is_err());
    assert!(!cluster.stores[1].is_empty());
    node.faults[1].work();
    until("the shard is told", async || cluster.stores[1].is_empty()).await;
    assert!(!cluster.stores[0].is_empty());
    node.faults[0].work();
    until("the other one too", async || cluster.stores[0].is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_every_shard_that_is_there_is_told_what_ended() {
    let cluster = ShardedCluster::new();
    for shard in [0, 1] {
        let node = cluster.node("one").await;
        let records = node.create_two().await;
        end_many_of(&node, shard, &records[shard]).await;
        node.faults[1 - shard].fail();
        assert!(node.delete(&records[1 - shard]).await.is_err());
        // The listeners have no time to notice.
        node.faults[1 - shard].work();
        let started = Instant::now();
        node.clustered.shutdown().await;
        assert!(started.elapsed() <= Settings::default().save_budget, "the others are not waited for");
        assert!(cluster.stores[1 - shard].load(&records[1 - shard].key).await.unwrap().is_none());
        assert!(cluster.stores[shard].load(&records[shard].key).await.unwrap().is_some());
        node.faults[shard].work();
    }
}

/// A shard does not answer any more, and this session of it is ended meanwhile, and so are a thousand others: many more
/// than are told at once.
async fn end_many_of(node: &ShardedNode, shard: usize, record: &Record) {
    node.faults[shard].fail();
    for key in keys_in(shard, 1_000).into_iter().chain([record.key]) {
        assert!(node.clustered.writes().delete(&key).await.is_err());
    }
    node.faults[shard].hang();
}
