//! What one node may serve from its cache, and what it may not.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_core::id::{Handle, Namespace, SessionKey};
use handstamp_core::invalidation::{Invalidation, Messenger, NodeId};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Encoding, Mark, Record, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    Bus, Clock, ClusteredStore, CreateOutcome, Lookup, MemoryBus, MemoryStore, RetireOutcome, SaveOutcome,
    Settings, Store, StoreError, SystemClock, TouchOutcome,
};
use handstamp_testkit::{DeafBus, Ears, Faults, FaultyStore, until};
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);
const MAX_STALENESS: Duration = Duration::from_secs(2);

/// Several nodes on one store and one bus.
struct Cluster {
    store: MemoryStore,
    bus: MemoryBus,
}

struct TestNode {
    clustered: ClusteredStore,
    faults: Faults,
    ears: Ears,
}

impl Cluster {
    fn new() -> Self {
        let bus = MemoryBus::new();
        Self { store: MemoryStore::new(bus.clone()), bus }
    }

    async fn node(&self, name: &str) -> TestNode {
        self.node_with(name, Settings::default()).await
    }

    async fn node_with(&self, name: &str, settings: Settings) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let node = self.node_on(store, faults, name, settings);
        node.clustered.settled().await;
        node
    }

    fn node_on(
        &self,
        store: FaultyStore<MemoryStore>,
        faults: Faults,
        name: &str,
        settings: Settings,
    ) -> TestNode {
        let (bus, ears) = DeafBus::new(self.bus.clone());
        let clustered =
            ClusteredStore::start(store, bus, messenger(name, SECRET), Arc::new(SystemClock), settings);
        TestNode { clustered, faults, ears }
    }
}

impl TestNode {
    fn lookup(&self, key: &SessionKey) -> Option<Lookup<Bytes>> {
        self.clustered.lookup::<Bytes>(key, SystemClock.now()).map(payload)
    }

    async fn load(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        self.clustered.load(key, |stored| Ok::<_, StoreError>(stored.record.payload)).await.map(payload)
    }

    /// What a request reads: the cache if it may, else the store.
    async fn read(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        match self.lookup(key) {
            Some(lookup) => Ok(lookup),
            None => self.load(key).await,
        }
    }

    async fn create(&self) -> Record {
        let record = record();
        let value = Arc::new(record.payload.clone());
        assert_eq!(
            self.clustered.writes().create(&record, TTL, value).await.unwrap(),
            CreateOutcome::Created
        );
        record
    }

    async fn save(&self, record: &Record, replacing: Revision) -> Result<SaveOutcome, StoreError> {
        let value = Arc::new(record.payload.clone());
        self.clustered.writes().save(record, replacing, TTL, value).await
    }

    async fn delete(&self, record: &Record) -> Result<bool, StoreError> {
        self.clustered.writes().delete(&record.key).await
    }
}

const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

fn messenger(node: &str, secret: &str) -> Messenger {
    let ring = KeyRing::new(Namespace::default(), &[Secret::parse(secret).unwrap()]).unwrap();
    Messenger::new(&ring, NodeId::new(node).unwrap())
}

fn payload(lookup: Lookup<Arc<Bytes>>) -> Lookup<Bytes> {
    match lookup {
        Lookup::Absent => Lookup::Absent,
        Lookup::Found(payload) => Lookup::Found(Bytes::clone(&payload)),
    }
}

fn found(payload: &'static str) -> Lookup<Bytes> {
    Lookup::Found(payload.into())
}

fn record() -> Record {
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    let now = SystemClock.timestamp();
    Record {
        revision: Revision::first().unwrap(),
        key: SessionKey::from_bytes(key),
        handle: Handle::generate().unwrap(),
        created_at: now,
        expires_at: now.saturating_add(TTL * 24),
        subject: None,
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: "first".into(),
    }
}

fn mark() -> Mark {
    Mark::new(Revision::first().unwrap())
}

fn changed(record: &Record, payload: &'static str) -> Record {
    Record { revision: record.revision.next().unwrap(), payload: payload.into(), ..record.clone() }
}

#[tokio::test]
async fn a_second_read_asks_nobody() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    for node in [&one, &two] {
        node.read(&record.key).await.unwrap();
        let calls = node.faults.calls();
        for _ in 0..100 {
            assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
        }
        assert_eq!(node.faults.calls(), calls);
    }
    assert_eq!(two.clustered.size(), 1);
    assert_eq!(two.clustered.cache_stats().hits, 100);
}

#[tokio::test]
async fn not_there_is_remembered_for_a_moment() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let never = record();
    assert_eq!(node.read(&never.key).await.unwrap(), Lookup::Absent);
    assert_eq!(node.lookup(&never.key), Some(Lookup::Absent));
    assert_eq!(node.faults.calls(), 1);
}

#[tokio::test]
async fn what_is_saved_or_ended_on_one_node_is_so_on_all() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    assert_eq!(two.read(&first.key).await.unwrap(), found("first"));

    let second = changed(&first, "second");
    assert_eq!(one.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    until("two hears of the save", async || two.read(&first.key).await.unwrap() == found("second")).await;

    assert!(one.delete(&first).await.unwrap());
    assert_eq!(one.read(&first.key).await.unwrap(), Lookup::Absent);
    until("two hears of the end", async || two.read(&first.key).await.unwrap() == Lookup::Absent).await;
}

#[tokio::test]
async fn ones_own_messages_do_not_empty_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    let second = changed(&first, "second");
    assert_eq!(node.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    until("the message came back", async || node.clustered.bus_stats().received > 0).await;
    assert_eq!(node.lookup(&first.key), Some(found("second")));
}

#[tokio::test]
async fn a_fill_that_raced_with_the_end_of_its_session_is_not_believed() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.read(&record.key), async {
        held.reached().await;
        let heard = two.clustered.bus_stats().received;
        assert!(one.delete(&record).await.unwrap());
        until("two hears of the end", async || two.clustered.bus_stats().received > heard).await;
        held.release();
    });
    assert_eq!(read.unwrap(), Lookup::Absent, "the store was asked again");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test]
async fn a_fill_that_raced_with_a_save_gives_what_was_saved() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let second = changed(&first, "second");
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.read(&first.key), async {
        held.reached().await;
        assert_eq!(one.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
        until("two hears of the save", async || two.clustered.bus_stats().received > 0).await;
        held.release();
    });
    assert_eq!(read.unwrap(), found("second"));
}

#[tokio::test]
async fn a_fill_that_raced_with_a_flush_is_not_cached() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.load(&record.key), async {
        held.reached().await;
        two.clustered.clear();
        held.release();
    });
    assert_eq!(read.unwrap(), found("first"));
    assert_eq!(two.faults.calls(), 2, "the store was asked again");
}

#[tokio::test(start_paused = true)]
async fn without_messages_a_node_goes_on_for_max_staleness_at_most() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.ears.close();
    assert!(one.delete(&record).await.unwrap());
    let ended = Instant::now();
    while two.read(&record.key).await.unwrap() == found("first") {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.elapsed() <= MAX_STALENESS, "served for {:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_cached_before_a_gap_is_not_served_after_it() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.ears.close();
    until("two notices", async || !two.clustered.running()).await;
    // Straight in the store, without a message: what is lost in a gap.
    assert!(cluster.store.delete(&record.key, Bytes::new()).await.unwrap());
    two.ears.open();
    until("two listens again", async || two.clustered.running()).await;
    assert_eq!(two.clustered.size(), 0);
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_fill_from_before_the_subscription_was_live_is_not_believed() {
    let cluster = Cluster::new();
    let patient = Settings { load_budget: Duration::from_secs(60), ..Settings::default() };
    let (one, two) = (cluster.node("one").await, cluster.node_with("two", patient).await);
    let record = one.create().await;
    two.ears.close();
    until("two notices", async || !two.clustered.running()).await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.load(&record.key), async {
        held.reached().await;
        // Straight in the store, without a message: what is lost in a gap.
        assert!(cluster.store.delete(&record.key, Bytes::new()).await.unwrap());
        two.ears.open();
        until("two listens again", async || two.clustered.running()).await;
        held.release();
    });
    assert_eq!(read.unwrap(), Lookup::Absent, "the store was asked again");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_store_does_not_answer_reads_through() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    node.faults.fail();
    sleep(MAX_STALENESS).await;
    assert!(!node.clustered.healthy());
    assert_eq!(node.lookup(&record.key), None);
    assert!(matches!(node.load(&record.key).await, Err(StoreError::Unavailable(_))));
    node.faults.work();
    until("the store is back", async || node.clustered.healthy()).await;
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
}

/// It may listen to one server and write to another.
#[tokio::test(start_paused = true)]
async fn a_node_that_begins_while_the_store_does_not_answer_reads_through() {
    let cluster = Cluster::new();
    let (store, faults) = FaultyStore::new(cluster.store.clone());
    faults.fail();
    let node = cluster.node_on(store, faults, "one", Settings::default());
    until("it listens", async || node.clustered.running()).await;
    node.faults.work();
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), None);
    until("the store answers", async || node.lookup(&record.key) == Some(found("first"))).await;
}

#[tokio::test]
async fn clearing_reaches_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    two.read(&record.key).await.unwrap();
    two.clustered.publish_cache_clear().await.unwrap();
    assert_eq!(two.clustered.size(), 0);
    until("one hears of it", async || one.clustered.size() == 0).await;
    assert_eq!(one.read(&record.key).await.unwrap(), found("first"), "the session is as it was");
}

#[tokio::test]
async fn one_session_can_be_forgotten_on_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let (forgotten, kept) = (one.create().await, one.create().await);
    one.clustered.evict(&forgotten.key);
    assert_eq!((one.lookup(&forgotten.key), one.lookup(&kept.key)), (None, Some(found("first"))));
    one.read(&forgotten.key).await.unwrap();
    two.clustered.publish_invalidation(&forgotten.key).await.unwrap();
    until("one hears of it", async || one.lookup(&forgotten.key).is_none()).await;
    assert_eq!(one.lookup(&kept.key), Some(found("first")));
}

#[tokio::test]
async fn what_is_not_ours_is_counted_and_ignored() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let mut forged =
        messenger("two", SECRET).write(&Invalidation::CacheClear, Timestamp::from_millis(0)).to_vec();
    forged[10] ^= 1;
    for message in [Bytes::new(), "clear".into(), Bytes::from(vec![1; 10_000_000]), forged.into()] {
        cluster.bus.publish(message).await.unwrap();
    }
    until("all are refused", async || node.clustered.bus_stats().refused == 4).await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
}

/// In the middle of a key rotation another node may sign with a key that this one does not have yet.
#[tokio::test(start_paused = true)]
async fn what_may_be_ours_clears_the_cache_but_only_so_often() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let stranger = messenger("two", "another-secret-of-more-than-thirty-two-characters");
    let message = stranger.write(&Invalidation::CacheClear, Timestamp::from_millis(0));
    node.create().await;
    let clears = node.clustered.bus_stats().clears;
    for _ in 0..100 {
        cluster.bus.publish(message.clone()).await.unwrap();
    }
    until("all are refused", async || node.clustered.bus_stats().refused == 100).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 1);
    assert_eq!(node.clustered.size(), 0);
    let record = node.create().await;
    sleep(Duration::from_millis(1_001)).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 2, "those that had to wait are one");
    assert_eq!(node.lookup(&record.key), None);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_no_more_than_the_budget() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    node.faults.hang();
    let settings = Settings::default();

    let started = Instant::now();
    assert!(matches!(node.load(&first.key).await, Err(StoreError::TimedOut)));
    assert_eq!(started.elapsed(), settings.load_budget);

    let started = Instant::now();
    let writes = node.clustered.writes();
    let second = changed(&first, "second");
    let value = Arc::new(second.payload.clone());
    let saved = writes.save(&second, first.revision, TTL, value).await;
    assert!(matches!(saved, Err(StoreError::TimedOut)));
    assert!(writes.out_of_time());
    let retired = writes.retire(&first.key, first.revision, mark(), TTL).await;
    assert!(matches!(retired, Err(StoreError::TimedOut)), "the budget is for all writes together");
    assert_eq!(started.elapsed(), settings.save_budget);
}

#[tokio::test(start_paused = true)]
async fn a_write_of_unknown_outcome_leaves_nothing_in_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    node.faults.fail();
    assert!(node.save(&changed(&first, "second"), first.revision).await.is_err());
    assert_eq!(node.lookup(&first.key), None);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_could_not_be_ended_is_over_here_and_ended_later() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    one.faults.fail();
    assert!(one.delete(&record).await.is_err());
    one.faults.work();
    assert_eq!(one.read(&record.key).await.unwrap(), Lookup::Absent);
    let later = changed(&record, "later");
    assert_eq!(one.save(&later, record.revision).await.unwrap(), SaveOutcome::Gone);
    assert_eq!(one.clustered.writes().touch(&record.key, TTL).await.unwrap(), TouchOutcome::Gone);
    until("the store is told", async || cluster.store.load(&record.key).await.unwrap().is_none()).await;
    until("two hears of it", async || two.read(&record.key).await.unwrap() == Lookup::Absent).await;
}

#[tokio::test]
async fn retiring_drops_the_copy() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    let retire = |revision| node.clustered.writes().retire(&first.key, revision, mark(), TTL);
    assert_eq!(retire(first.revision.next().unwrap()).await.unwrap(), RetireOutcome::Conflict);
    assert_eq!(node.read(&first.key).await.unwrap(), found("first"));
    assert_eq!(retire(first.revision).await.unwrap(), RetireOutcome::Retired);
    assert_eq!(node.read(&first.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test]
async fn a_session_that_is_to_be_ended_cannot_be_moved_away() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.fail();
    assert!(node.delete(&record).await.is_err());
    node.faults.work();
    let retired = node.clustered.writes().retire(&record.key, record.revision, mark(), TTL).await;
    assert_eq!(retired.unwrap(), RetireOutcome::Gone);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_asked_for_again() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    node.faults.lose_answers(1);
    let first = node.create().await;
    let second = changed(&first, "second");
    node.faults.lose_answers(1);
    assert_eq!(node.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(node.lookup(&first.key), Some(found("second")));
    node.faults.lose_answers(1);
    let retired = node.clustered.writes().retire(&first.key, second.revision, mark(), TTL).await;
    assert_eq!(retired.unwrap(), RetireOutcome::Retired);
}

/// The save was done, and another has changed the record again since: to make it once more would be once too often.
#[tokio::test]
async fn a_save_whose_answer_was_lost_is_not_taken_for_one_that_was_not_done() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let (second, third) = (changed(&first, "second"), changed(&first, "third"));
    one.faults.delay(Duration::from_millis(20));
    one.faults.lose_answers(1);
    let save = one.save(&second, first.revision);
    let overtaken = async {
        until("it is done", async || {
            cluster.store.load(&first.key).await.unwrap().unwrap().record.revision == second.revision
        })
        .await;
        let third = Record { revision: second.revision.next().unwrap(), ..third };
        assert_eq!(two.save(&third, second.revision).await.unwrap(), SaveOutcome::Saved);
    };
    let (saved, ()) = tokio::join!(save, overtaken);
    assert!(matches!(saved, Err(StoreError::Unavailable(_))), "{saved:?}");
}

/// The herd on a cold node.
#[tokio::test]
async fn ten_thousand_who_want_the_same_session_share_one_load() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear();
    let calls = node.faults.calls();
    let mut held = node.faults.hold_next_load();
    let loads = join_all((0..10_000).map(|_| node.load(&record.key)));
    let release = async {
        held.reached().await;
        held.release();
    };
    let (loaded, ()) = tokio::join!(loads, release);
    assert!(loaded.iter().all(|loaded| loaded.as_ref().unwrap() == &found("first")));
    assert_eq!(node.faults.calls(), calls + 1);
}

/// After a flush everybody comes at once: not all of them at the store.
#[tokio::test]
async fn loads_of_many_sessions_take_turns() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    node.faults.hang();
    let calls = node.faults.calls();
    let keys: Vec<_> = (0..1_000).map(|_| record().key).collect();
    let loads = join_all(keys.iter().map(|key| node.load(key)));
    let look = async {
        until("there are many at the store", async || node.faults.calls() - calls >= 256).await;
        sleep(Duration::from_millis(20)).await;
        assert_eq!(node.faults.calls() - calls, 256);
        node.faults.work();
    };
    let (loaded, ()) = tokio::join!(loads, look);
    assert!(loaded.iter().all(|loaded| loaded.as_ref().unwrap() == &Lookup::Absent));
    assert_eq!(node.faults.calls() - calls, 1_000);
}

#[tokio::test]
async fn all_who_share_a_load_share_its_error() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.hang();
    let calls = node.faults.calls();
    let loads = join_all((0..100).map(|_| node.load(&record.key)));
    let (loaded, ()) = tokio::join!(loads, async { node.faults.fail() });
    assert!(loaded.iter().all(|loaded| matches!(loaded, Err(StoreError::Unavailable(_)))));
    assert_eq!(node.faults.calls(), calls + 2, "once, and once again because the connection broke");
}

#[tokio::test]
async fn who_comes_after_a_logout_does_not_share_a_load_from_before_it() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear();
    let mut held = node.faults.hold_next_load();
    let early = async {
        // It has its answer, from before the logout, and asks again because it hears of that.
        assert_eq!(node.load(&record.key).await.unwrap(), Lookup::Absent);
    };
    let late = async {
        held.reached().await;
        assert!(node.delete(&record).await.unwrap());
        assert_eq!(node.load(&record.key).await.unwrap(), Lookup::Absent);
        held.release();
    };
    tokio::join!(early, late);
}

#[tokio::test]
async fn a_load_ends_with_the_last_who_waits_for_it() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear();
    let mut held = node.faults.hold_next_load();
    tokio::select! {
        _ = node.load(&record.key) => panic!("it is held"),
        () = held.reached() => {}
    }
    assert_eq!(node.load(&record.key).await.unwrap(), found("first"), "another one is begun");
}

#[tokio::test]
async fn a_fresh_load_never_shares_what_was_asked_before() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let mut held = two.faults.hold_next_load();
    two.ears.close();
    let early = two.load(&first.key);
    let late = async {
        held.reached().await;
        let _ = one.save(&changed(&first, "second"), first.revision).await.unwrap();
        let fresh = two.clustered.load_fresh(&first.key, |stored| Ok::<_, StoreError>(stored.record.payload));
        assert_eq!(fresh.await.map(payload).unwrap(), found("second"));
        held.release();
    };
    let (_, ()) = tokio::join!(early, late);
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_the_cache_says_what_it_last_knew_and_for_how_long() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let (ended, record) = (node.create().await, node.create().await);
    let outdated = |key, limit| node.clustered.lookup_outdated::<Bytes>(key, SystemClock.now(), limit);
    let limit = Duration::from_secs(20);
    node.faults.fail();
    assert!(node.save(&changed(&record, "second"), record.revision).await.is_err());
    assert!(node.delete(&ended).await.is_err());
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&record.key), None, "nothing can be proved any more");
    assert_eq!(outdated(&record.key, limit).map(payload), Some(found("first")));
    assert_eq!(outdated(&ended.key, limit), None, "somebody tried to end it here");
    sleep(limit - MAX_STALENESS).await;
    assert_eq!(outdated(&record.key, limit), None);
    assert_eq!(outdated(&record.key, limit * 2).map(payload), Some(found("first")));
    node.clustered.clear();
    assert_eq!(outdated(&record.key, limit * 2), None);
}

#[tokio::test]
async fn a_record_past_its_absolute_deadline_is_not_there() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let expired = Record { expires_at: SystemClock.timestamp(), ..record() };
    assert_eq!(cluster.store.create(&expired, TTL).await.unwrap(), CreateOutcome::Created);
    assert_eq!(node.read(&expired.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_served_no_longer_than_its_session_lives() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = record();
    let ttl = Duration::from_secs(3);
    let value = Arc::new(record.payload.clone());
    assert_eq!(node.clustered.writes().create(&record, ttl, value).await.unwrap(), CreateOutcome::Created);
    sleep(ttl - Duration::from_millis(10)).await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(node.lookup(&record.key), None);
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_served_from_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.shutdown().await;
    assert!(!node.clustered.running());
    assert_eq!(node.lookup(&record.key), None);
    node.clustered.shutdown().await;
}

#[tokio::test]
async fn dropping_a_node_ends_its_task() {
    let cluster = Cluster::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = ClusteredStore::start(
        cluster.store.clone(),
        cluster.bus.clone(),
        messenger("one", SECRET),
        clock.clone(),
        Settings::default(),
    );
    node.settled().await;
    drop(node);
    until("nobody holds the clock", async || Arc::strong_count(&clock) == 1).await;
}
