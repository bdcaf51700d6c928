//! Several caches on one node.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{
    Bus, BusError, BusEvent, Bytes, CacheFill, Capacity, ClusteredStore, DynStore, FenceOutcome, MemoryBus,
    MemoryStore, NodeCache, NodeSettings, Shard, StoreWrapper, Subscription, SystemClock,
};
use handstamp_testkit::{
    BusFaults, Faults, FaultyBus, FaultyStore, ShardLayout, ShardedBus, ShardedStore, until,
};
use tokio::time::sleep;

use crate::support::*;

/// A bus that counts subscriptions and fences.
#[derive(Clone)]
struct CountingBus<B> {
    inner: B,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    subscriptions: AtomicUsize,
    fences: AtomicUsize,
}

struct CountingSubscription<S> {
    inner: S,
    counts: Arc<Counts>,
}

impl<B: Bus> Bus for CountingBus<B> {
    type Subscription = CountingSubscription<B::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        self.counts.subscriptions.fetch_add(1, Ordering::SeqCst);
        let inner = self.inner.subscribe(shard).await?;
        Ok(CountingSubscription { inner, counts: self.counts.clone() })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.inner.publish(shard, message).await
    }
}

impl<S: Subscription> Subscription for CountingSubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.inner.next().await
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.inner.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        self.counts.fences.fetch_add(1, Ordering::SeqCst);
        self.inner.fence()
    }
}

const CAPACITY: Capacity = Capacity { entries: 100, bytes: 1 << 20 };

/// A node on two shards, with what controls and counts its subscriptions, and another node that writes.
struct Nodes {
    node: ClusteredStore,
    layout: ShardLayout,
    faults: Faults,
    bus_faults: BusFaults,
    counts: Arc<Counts>,
    writer: TestNode<(), ()>,
}

async fn nodes() -> Nodes {
    let layout = ShardLayout::new(2);
    let buses = [(); 2].map(|()| MemoryBus::new());
    let store = ShardedStore::new(&layout, buses.clone().map(MemoryStore::new));
    let (faulty_store, faults) = FaultyStore::new(store.clone());
    let bus = ShardedBus::new(&layout, buses);
    let (faulty, bus_faults) = FaultyBus::new(bus.clone());
    let counts = Arc::new(Counts::default());
    let counting = CountingBus { inner: faulty, counts: counts.clone() };
    let (clock, settings) = (Arc::new(SystemClock), NodeSettings::default());
    let ring = ring(SECRET);
    let node = ClusteredStore::start(faulty_store, counting, &ring, node_id("node"), clock.clone(), settings);
    let clustered = ClusteredStore::start(store, bus, &ring, node_id("writer"), clock, settings);
    node.wait_until_ready().await;
    clustered.wait_until_ready().await;
    Nodes {
        node,
        layout,
        faults,
        bus_faults,
        counts,
        writer: TestNode { clustered, faults: (), bus_faults: () },
    }
}

async fn load_length(cache: &NodeCache<usize>, record: &Record) -> usize {
    let fill = CacheFill::new(record.payload.len(), record.revision, 8, TTL);
    cache.get_or_load(&record.key, async || Ok::<_, Infallible>(fill)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn two_caches_share_one_subscription_for_each_shard() {
    let nodes = nodes().await;
    let cache = nodes.node.add_cache::<usize>(CAPACITY);
    assert_eq!(nodes.counts.subscriptions.load(Ordering::SeqCst), 2, "one for each shard");
    let fences = nodes.counts.fences.load(Ordering::SeqCst);
    sleep(Duration::from_secs(10)).await;
    let fences = nodes.counts.fences.load(Ordering::SeqCst) - fences;
    assert!((38..=42).contains(&fences), "one for each shard and half second, not {fences}");
    assert_eq!(nodes.counts.subscriptions.load(Ordering::SeqCst), 2);

    let record = nodes.writer.create().await;
    assert_eq!(load_length(&cache, &record).await, 5);
    assert_eq!(nodes.node.load(&record.key, decode).await.map(payload).unwrap(), found("first"));
    assert_eq!(cache.get(&record.key), Some(5));
    assert!(nodes.node.lookup::<Record>(&record.key, now()).is_some());

    let changed = changed(&record, "changed");
    let _ = nodes.writer.save(&changed, record.revision).await.unwrap();
    until("both caches have received the invalidation", async || {
        cache.get(&record.key).is_none() && nodes.node.lookup::<Record>(&record.key, now()).is_none()
    })
    .await;
    assert_eq!(load_length(&cache, &changed).await, 7);
    assert_eq!(cache.get(&record.key), Some(7));
    assert!(nodes.writer.end(&record).await.unwrap());
    until("the other cache has received the delete", async || cache.get(&record.key).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn no_cache_is_served_without_a_recent_fence_or_after_a_gap() {
    let nodes = nodes().await;
    let cache = nodes.node.add_cache::<usize>(CAPACITY);
    let record = nodes.writer.create().await;
    load_length(&cache, &record).await;
    until("a fence", async || cache.get(&record.key) == Some(5)).await;
    nodes.bus_faults.stall();
    sleep(MAX_STALENESS).await;
    assert_eq!(cache.get(&record.key), None, "there is no recent fence");
    nodes.bus_faults.work();
    until("the next fence", async || cache.get(&record.key) == Some(5)).await;
    nodes.bus_faults.reject();
    until("the subscriptions end", async || !nodes.node.is_subscribed()).await;
    assert_eq!(cache.get(&record.key), None);
    nodes.bus_faults.work();
    until("other subscriptions begin", async || nodes.node.is_subscribed()).await;
    assert_eq!(cache.get(&record.key), None, "messages may have been missed");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_invalidated_while_it_is_loaded_is_not_cached() {
    let nodes = nodes().await;
    let cache = nodes.node.add_cache::<usize>(CAPACITY);
    let record = nodes.writer.create().await;
    load_length(&cache, &record).await;
    until("a fence", async || cache.get(&record.key) == Some(5)).await;
    cache.remove(&record.key);
    let fill = CacheFill::new(5, record.revision, 8, TTL);
    let loaded = cache.get_or_load(&record.key, async || {
        assert!(nodes.writer.end(&record).await.unwrap());
        until("the node has received it", async || nodes.node.bus_stats().received > 0).await;
        Ok::<_, Infallible>(fill)
    });
    assert_eq!(loaded.await, Ok(5));
    assert_eq!(cache.get(&record.key), None);
}

#[tokio::test(start_paused = true)]
async fn clears_and_evictions_reach_all_caches_of_a_node() {
    let nodes = nodes().await;
    let cache = nodes.node.add_cache::<usize>(CAPACITY);
    let record = nodes.writer.create().await;
    let cached = async || {
        load_length(&cache, &record).await;
        until("a fence", async || cache.get(&record.key) == Some(5)).await;
    };
    cached().await;
    nodes.node.evict(&record.key);
    assert_eq!(cache.get(&record.key), None);
    cached().await;
    nodes.node.clear_local_cache();
    assert_eq!(cache.get(&record.key), None);
    cached().await;
    nodes.writer.clustered.clear_all_caches().await.unwrap();
    until("the clear arrives", async || cache.get(&record.key).is_none()).await;
    cached().await;
    nodes.writer.clustered.invalidate_everywhere(&record.key).await.unwrap();
    until("the invalidation arrives", async || cache.get(&record.key).is_none()).await;
    assert_eq!(cache.get(&SessionKey::from_bytes([7; SessionKey::LEN])), None);
}

/// A node with a cache that has a value of the record.
async fn with_cached_value() -> (Nodes, NodeCache<usize>, Record) {
    let nodes = nodes().await;
    let cache = nodes.node.add_cache::<usize>(CAPACITY);
    let record = nodes.writer.create().await;
    load_length(&cache, &record).await;
    until("a fence", async || cache.get(&record.key) == Some(5)).await;
    (nodes, cache, record)
}

#[tokio::test(start_paused = true)]
async fn a_write_of_unknown_outcome_drops_the_values_of_all_caches() {
    let (nodes, cache, record) = with_cached_value().await;
    nodes.faults.fail();
    let changed = changed(&record, "changed");
    let saved = nodes.node.writes().save(&changed, record.revision, TTL, entry(&changed)).await;
    assert!(saved.is_err(), "{saved:?}");
    assert_eq!(cache.get(&record.key), None);
    nodes.faults.work();
}

#[tokio::test(start_paused = true)]
async fn a_value_of_a_session_that_this_node_has_deleted_is_not_cached() {
    let (nodes, cache, record) = with_cached_value().await;
    nodes.faults.fail();
    assert!(nodes.node.writes().end(&record.key).await.is_err());
    assert_eq!(cache.get(&record.key), None);
    assert_eq!(load_length(&cache, &record).await, 5);
    assert_eq!(cache.get(&record.key), None, "the delete is not confirmed");
    nodes.faults.work();
}

#[tokio::test(start_paused = true)]
async fn a_removed_shard_is_removed_from_all_caches() {
    let (nodes, cache, record) = with_cached_value().await;
    let shard = nodes.layout.shard_of(&record.key);
    nodes.layout.remove(shard);
    until("the shard is removed", async || cache.get(&record.key).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn no_value_is_served_after_a_shutdown() {
    let (nodes, cache, record) = with_cached_value().await;
    nodes.node.shutdown().await;
    assert_eq!(cache.get(&record.key), None);
    assert_eq!(load_length(&cache, &record).await, 5);
    assert_eq!(cache.get(&record.key), None);
}

#[tokio::test(start_paused = true)]
async fn a_cache_does_not_keep_its_node_alive() {
    /// A store that shows when it is dropped.
    struct Watched(MemoryStore, #[expect(dead_code, reason = "it is dropped with the store")] Arc<()>);

    impl StoreWrapper for Watched {
        fn inner(&self) -> &dyn DynStore {
            &self.0
        }
    }

    let (cluster, alive) = (Cluster::new(), Arc::new(()));
    let node = start(Watched(cluster.store.clone(), alive.clone()), cluster.bus.clone()).await;
    let cache = node.clustered.add_cache::<usize>(CAPACITY);
    let record = node.create().await;
    drop(node);
    until("the store is dropped", async || Arc::strong_count(&alive) == 1).await;
    assert_eq!(load_length(&cache, &record).await, 5);
    assert_eq!(cache.get(&record.key), None);
}

#[tokio::test(start_paused = true)]
async fn the_longest_time_to_live_is_valid() {
    let (_nodes, cache, record) = with_cached_value().await;
    cache.remove(&record.key);
    let fill = CacheFill::new(7, record.revision, 8, Duration::MAX);
    assert_eq!(cache.get_or_load(&record.key, async || Ok::<_, Infallible>(fill)).await, Ok(7));
    assert_eq!(cache.get(&record.key), Some(7));
}

fn now() -> std::time::Instant {
    handstamp_store::Clock::now(&SystemClock)
}
