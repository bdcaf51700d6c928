//! A store whose replies take long, or say nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use handstamp_store::{
    Bus, BusError, BusEvent, ClusteredStore, FenceOutcome, MemoryBus, NodeSettings, Shard, Subscription,
    SystemClock,
};
use handstamp_testkit::{Faults, FaultyStore, Log, until};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::support::*;

/// A bus on which a fence takes so long, and the end of a subscription comes so soon.
struct SlowBus {
    inner: MemoryBus,
    reply: Duration,
    end: Duration,
    seen: Seen,
}

struct SlowSubscription<S> {
    inner: S,
    reply: Duration,
    end: Instant,
    busy: Arc<AtomicBool>,
}

/// What becomes of the bus of a node.
#[derive(Clone, Default)]
struct Seen {
    subscriptions: Arc<AtomicUsize>,
    /// Fences prove nothing at present.
    busy: Arc<AtomicBool>,
}

impl Seen {
    fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::SeqCst)
    }
}

const NEVER: Duration = Duration::from_secs(1_000_000);

fn node(fence: Duration, reply: Duration, settings: NodeSettings) -> TestNode<Faults, Seen> {
    ending_node(fence, reply, NEVER, settings)
}

fn ending_node(
    fence: Duration,
    reply: Duration,
    end: Duration,
    settings: NodeSettings,
) -> TestNode<Faults, Seen> {
    let cluster = Cluster::new();
    let (store, faults) = FaultyStore::new(cluster.store);
    faults.delay(reply);
    let seen = Seen::default();
    let bus = SlowBus { inner: cluster.bus, reply: fence, end, seen: seen.clone() };
    let clock = Arc::new(SystemClock);
    let clustered = ClusteredStore::start(store, bus, &ring(SECRET), node_id("one"), clock, settings);
    TestNode { clustered, faults, bus_faults: seen }
}

/// Budgets of somebody whose store is far away.
fn patient() -> NodeSettings {
    NodeSettings::default()
        .load_budget(Duration::from_secs(5))
        .save_budget(Duration::from_secs(10))
        .cache_ttl(TTL)
}

/// K6.1: what a request may wait for is waited for everywhere else, too; and proofs that take long count.
#[tokio::test(start_paused = true)]
async fn k6_1_slow_replies_within_the_budgets_are_cached() {
    for (fence, reply) in [(300, 300), (600, 600), (900, 900), (1_200, 1_200), (100, 1_200), (1_200, 100)] {
        let [fence, reply] = [fence, reply].map(Duration::from_millis);
        let node = node(fence, reply, patient());
        until("it is well", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
        until("writes are known to work", async || node.clustered.is_partly_writable()).await;
        let record = node.create().await;
        until("it is cached", async || node.lookup(&record.key).is_some()).await;
        // The first fences are further apart.
        sleep(Duration::from_secs(5)).await;
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            sleep(Duration::from_millis(50)).await;
            assert_eq!(node.lookup(&record.key), Some(found("first")), "{fence:?}, {reply:?}");
            assert!(node.clustered.is_subscribed() && node.clustered.is_healthy(), "{fence:?}, {reply:?}");
        }
        assert_eq!(node.bus_faults.subscriptions(), 1, "one subscription is enough");
    }
}

/// K6.1: a fence that takes longer than `max_staleness` proves nothing, but it shows that the subscription is live.
#[tokio::test(start_paused = true)]
async fn k6_1_replies_slower_than_max_staleness_are_served_from_the_store() {
    let slow = Duration::from_secs(3);
    let node = node(slow, slow, patient());
    until("it is well", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
    let record = node.create().await;
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        assert_eq!(node.lookup(&record.key), None);
        assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
        assert!(node.clustered.is_subscribed() && node.clustered.is_healthy());
    }
    assert_eq!(node.bus_faults.subscriptions(), 1, "one subscription is enough");
}

/// K6.2: a server that says that it cannot say anything at present has lost nothing.
#[tokio::test(start_paused = true)]
async fn k6_2_a_pending_proof_takes_trust_away_and_not_the_cache() {
    let quick = Duration::from_millis(1);
    let node = node(quick, quick, patient());
    until("it is well", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
    let record = node.create().await;
    until("it is cached", async || node.lookup(&record.key).is_some()).await;
    let clears = node.clustered.bus_stats().clears;
    node.bus_faults.busy.store(true, Ordering::SeqCst);
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&record.key), None);
    sleep(Duration::from_secs(60)).await;
    assert!(node.clustered.is_subscribed());
    node.bus_faults.busy.store(false, Ordering::SeqCst);
    until("it is trusted again", async || node.lookup(&record.key).is_some()).await;
    assert_eq!((node.clustered.bus_stats().clears, node.bus_faults.subscriptions()), (clears, 1));
}

/// A subscription that ends as soon as it has begun, again and again, fills no log, and is not made anew at once.
#[tokio::test(start_paused = true)]
async fn k6_4_subscriptions_that_end_at_once_are_logged_once_a_minute() {
    let (log, _guard) = Log::capture();
    let quick = Duration::from_millis(1);
    let node = ending_node(quick, quick, Duration::from_millis(50), NodeSettings::default());
    until("some have ended", async || node.bus_faults.subscriptions() > 30).await;
    let before = node.bus_faults.subscriptions();
    sleep(Duration::from_secs(10)).await;
    let count = node.bus_faults.subscriptions() - before;
    assert!(count < 60, "{count} in ten seconds");
    let warnings = log.lines(Level::WARN, "handstamp_store");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    sleep(Duration::from_secs(60)).await;
    let warnings = log.lines(Level::WARN, "handstamp_store");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(!warnings[1].contains("more=0"), "{warnings:?}");
}

/// One that lasted is a matter of its own.
#[tokio::test(start_paused = true)]
async fn k6_4_every_subscription_that_lasted_is_logged() {
    let (log, _guard) = Log::capture();
    let quick = Duration::from_millis(1);
    let node = ending_node(quick, quick, Duration::from_secs(5), NodeSettings::default());
    until("some have ended", async || node.bus_faults.subscriptions() == 4).await;
    for (level, text) in [(Level::WARN, "lost the"), (Level::INFO, "subscribed to the")] {
        let lines = log.lines(level, "handstamp_store");
        assert!(lines.iter().filter(|line| line.contains(text)).count() >= 3, "{lines:?}");
    }
}

impl Bus for SlowBus {
    type Subscription = SlowSubscription<<MemoryBus as Bus>::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        sleep(self.reply * 6).await;
        self.seen.subscriptions.fetch_add(1, Ordering::SeqCst);
        let inner = self.inner.subscribe(shard).await?;
        let (end, busy) = (Instant::now() + self.end, self.seen.busy.clone());
        Ok(SlowSubscription { inner, reply: self.reply, end, busy })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.inner.publish(shard, message).await
    }
}

impl<S: Subscription> Subscription for SlowSubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        tokio::select! {
            heard = self.inner.next() => heard,
            () = tokio::time::sleep_until(self.end) => Err(BusError::new("told to end")),
        }
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.inner.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let (fence, reply, busy) = (self.inner.fence(), self.reply, self.busy.clone());
        async move {
            sleep(reply).await;
            if busy.load(Ordering::SeqCst) { Ok(FenceOutcome::Pending) } else { fence.await }
        }
    }
}
