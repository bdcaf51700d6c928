//! A store whose replies are slow or prove nothing.

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

/// A bus with slow fences and short subscriptions.
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

/// What the bus of a node has done.
#[derive(Clone, Default)]
struct Seen {
    subscriptions: Arc<AtomicUsize>,
    /// Whether fences are pending.
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

/// Budgets for a distant store.
fn patient() -> NodeSettings {
    NodeSettings::default()
        .with_load_budget(Duration::from_secs(5))
        .with_save_budget(Duration::from_secs(10))
        .with_cache_ttl(TTL)
}

/// K6.1: fences and checks have the same limits as requests, and slow ones count.
#[tokio::test(start_paused = true)]
async fn k6_1_slow_replies_within_the_budgets_are_cached() {
    for (fence, reply) in [(300, 300), (600, 600), (900, 900), (1_200, 1_200), (100, 1_200), (1_200, 100)] {
        let [fence, reply] = [fence, reply].map(Duration::from_millis);
        let node = node(fence, reply, patient());
        until("it is healthy", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
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
    until("it is healthy", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
    let record = node.create().await;
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        assert_eq!(node.lookup(&record.key), None);
        assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
        assert!(node.clustered.is_subscribed() && node.clustered.is_healthy());
    }
    assert_eq!(node.bus_faults.subscriptions(), 1, "one subscription is enough");
}

/// K6.2: a server whose fences are pending has lost no message.
#[tokio::test(start_paused = true)]
async fn k6_2_while_fences_are_pending_the_cache_is_not_served_but_kept() {
    let quick = Duration::from_millis(1);
    let node = node(quick, quick, patient());
    until("it is healthy", async || node.clustered.is_subscribed() && node.clustered.is_healthy()).await;
    let record = node.create().await;
    until("it is cached", async || node.lookup(&record.key).is_some()).await;
    let clears = node.clustered.bus_stats().clears;
    node.bus_faults.busy.store(true, Ordering::SeqCst);
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&record.key), None);
    sleep(Duration::from_secs(60)).await;
    assert!(node.clustered.is_subscribed());
    node.bus_faults.busy.store(false, Ordering::SeqCst);
    until("it is served again", async || node.lookup(&record.key).is_some()).await;
    assert_eq!((node.clustered.bus_stats().clears, node.bus_faults.subscriptions()), (clears, 1));
}

/// Subscriptions that end at once do not flood the log, and are not repeated without a pause.
#[tokio::test(start_paused = true)]
async fn k6_4_short_subscriptions_are_logged_once_a_minute() {
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

/// A subscription that lasted for seconds is not throttled with them.
#[tokio::test(start_paused = true)]
async fn k6_4_the_end_of_a_long_subscription_is_always_logged() {
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
            event = self.inner.next() => event,
            () = tokio::time::sleep_until(self.end) => Err(BusError::new("commanded to end")),
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
