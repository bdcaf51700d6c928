//! The cost of invalidations: by Pub/Sub, against server-assisted tracking, on a cluster of three
//! primaries, for few nodes and for many.
//!
//! `cargo xtask bench` runs it. Each session is read by two nodes, and saved by one of these. Both transports have nodes of
//! their own on the same servers, and take turns in blocks. The load of idle servers is subtracted.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod median;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::id::Namespace;
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Record, Revision};
use handstamp_redis::{Channel, InvalidationTransport, RedisConfig, connect};
use handstamp_store::{
    CacheEntry, Clock, ClusteredStore, CreateOutcome, Decoded, Loaded, Lookup, NodeSettings, SaveOutcome,
    StoreError, SystemClock,
};
use handstamp_testkit::{ClusterOptions, RedisCluster, record, redis};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use self::median::median;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let options = ClusterOptions { replicas_each: 0, ..ClusterOptions::default() };
        let cluster = RedisCluster::start_with(options).await;
        println!("Three primaries, {SESSIONS} sessions.");
        for count in [5, 20] {
            measure(&cluster, count).await;
        }
    });
    Ok(())
}

async fn measure(cluster: &RedisCluster, count: usize) {
    let [pubsub, tracking] = TRANSPORTS.map(|transport| Group::start(cluster, transport, count));
    let mut groups = [pubsub.await, tracking.await];
    let mut costs = TRANSPORTS.map(|_| Vec::new());
    let mut rates = TRANSPORTS.map(|_| Vec::new());
    for _ in 0..BLOCKS {
        let before = Sample::take(cluster, &groups[0]);
        sleep(BLOCK).await;
        let idle = before.until(&Sample::take(cluster, &groups[0]));
        for (group, costs) in groups.iter_mut().zip(&mut costs) {
            let before = Sample::take(cluster, group);
            let saves = group.run(BLOCK, Some(RATE)).await;
            let spent = before.until(&Sample::take(cluster, group));
            let seconds = spent[SECONDS] / idle[SECONDS];
            costs.push(std::array::from_fn(|cost| (spent[cost] - idle[cost] * seconds) / saves));
        }
        for (group, rates) in groups.iter_mut().zip(&mut rates) {
            let before = Instant::now();
            let saves = group.run(BLOCK / 4, None).await;
            rates.push(saves / before.elapsed().as_secs_f64());
        }
    }
    let title = format!("{count} nodes, {RATE} saves a second");
    println!("\n{title:40} {:>12} {:>12}", "pubsub", "tracking");
    for (cost, label) in COSTS.iter().enumerate().skip(SECONDS + 1) {
        let [pubsub, tracking] = costs
            .each_ref()
            .map(|costs: &Vec<Costs>| median(costs.iter().map(|costs| costs[cost]).collect()));
        println!("{label:40} {pubsub:>12.2} {tracking:>12.2}");
    }
    let [pubsub, tracking] = rates.map(median);
    let title = format!("saves a second, {IN_FLIGHT} in flight");
    println!("{title:40} {pubsub:>12.0} {tracking:>12.0}");
    let [pubsub, tracking] = groups.each_ref().map(Group::clears);
    println!("{:40} {pubsub:>12} {tracking:>12}", "caches cleared, in all");
    for group in groups {
        join_all(group.nodes.iter().map(ClusteredStore::shutdown)).await;
    }
}

/// Nodes that share one transport.
struct Group {
    nodes: Arc<[ClusteredStore]>,
    sessions: Vec<Session>,
    /// How many reads have found what had been replaced already.
    outdated: Arc<AtomicU64>,
    clears_at_start: u64,
}

struct Session {
    record: Record,
    saver: usize,
    reader: usize,
}

impl Group {
    async fn start(cluster: &RedisCluster, transport: InvalidationTransport, count: usize) -> Self {
        let namespace = Namespace::new(&format!("{transport}:{count}")).expect("a namespace");
        let secret = Secret::generate().expect("a secret");
        let ring = KeyRing::new(namespace.clone(), &[secret]).expect("keys");
        let config = RedisConfig::new(cluster.url().parse().expect("a URL"))
            .with_tracking(transport == InvalidationTransport::Tracking)
            // Slow commands on a busy machine shall count, and not fail.
            .with_load_timeout(PATIENCE)
            .with_save_timeout(PATIENCE)
            .with_connect_timeout(PATIENCE);
        let settings = NodeSettings::default().with_load_budget(PATIENCE).with_save_budget(PATIENCE);
        let node = |number| {
            let (store, bus) = connect(config.clone(), namespace.clone(), Channel::of(&namespace));
            let name = NodeId::new(&format!("node-{number}")).expect("a name");
            ClusteredStore::start(store, bus, &ring, name, Arc::new(SystemClock), settings)
        };
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(node(number));
            // What all do regularly they do one after the other, so that it costs the same at any time.
            sleep(BEAT / u32::try_from(count).expect("a small number")).await;
        }
        let nodes: Arc<[_]> = nodes.into();
        join_all(nodes.iter().map(ClusteredStore::wait_until_ready)).await;
        let session = async |number: usize| {
            let (saver, other) = (number % count, number / count % (count - 1));
            let (record, reader) = (record(), (saver + 1 + other) % count);
            let created = nodes[saver].writes().create(&record, HOUR, entry(&record)).await.expect("a reply");
            assert_eq!(created, CreateOutcome::Created);
            Session { record, saver, reader }
        };
        let sessions = join_all((0..SESSIONS).map(session)).await;
        let mut group = Self { nodes, sessions, outdated: Arc::default(), clears_at_start: 0 };
        group.clears_at_start = group.clears();
        group
    }

    /// How many saves there were. Without a `rate`, each follows the one before it at once.
    async fn run(&mut self, length: Duration, rate: Option<u32>) -> f64 {
        let begun = Instant::now();
        let turns = Arc::new(AtomicU32::new(0));
        let mut shares: [Vec<Session>; IN_FLIGHT] = std::array::from_fn(|_| Vec::new());
        for (number, session) in self.sessions.drain(..).enumerate() {
            shares[number % IN_FLIGHT].push(session);
        }
        let mut tasks = JoinSet::new();
        for mut share in shares {
            let (nodes, turns, outdated) = (self.nodes.clone(), turns.clone(), self.outdated.clone());
            tasks.spawn(async move {
                let mut saves = 0.0;
                loop {
                    for session in &mut share {
                        let turn = turns.fetch_add(1, Ordering::Relaxed);
                        let due = rate.map_or_else(Instant::now, |rate| begun + SECOND * turn / rate);
                        if due >= begun + length {
                            return (share, saves);
                        }
                        sleep_until(due).await;
                        session.visit(&nodes, &outdated).await;
                        saves += 1.0;
                    }
                }
            });
        }
        let (shares, saves): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().unzip();
        self.sessions = shares.into_iter().flatten().collect();
        // Until all nodes have received the last of them.
        sleep(Duration::from_millis(50)).await;
        saves.into_iter().sum()
    }

    fn clears(&self) -> u64 {
        self.nodes.iter().map(|node| node.bus_stats().clears).sum::<u64>() - self.clears_at_start
    }
}

impl Session {
    async fn visit(&mut self, nodes: &[ClusteredStore], outdated: &AtomicU64) {
        for node in [self.reader, self.saver] {
            if self.read(&nodes[node]).await != Lookup::Found(self.record.revision) {
                outdated.fetch_add(1, Ordering::Relaxed);
            }
        }
        let revision = self.record.revision.next(self.record.saved_at);
        let next = Record { revision, ..self.record.clone() };
        let writes = nodes[self.saver].writes();
        let saved = writes.save(&next, self.record.revision, HOUR, entry(&next)).await;
        assert_eq!(saved.expect("a reply"), SaveOutcome::Saved);
        self.record = next;
    }

    async fn read(&self, node: &ClusteredStore) -> Lookup<Revision> {
        let key = &self.record.key;
        let found = match node.lookup(key, SystemClock.now()) {
            Some(found) => found,
            None => node.load(key, decode).await.expect("a reply"),
        };
        match found {
            Lookup::Found(record) => Lookup::Found(record.revision),
            Lookup::Absent => Lookup::Absent,
            Lookup::Ended => Lookup::Ended,
            Lookup::Moved => Lookup::Moved,
            Lookup::Unreadable => Lookup::Unreadable,
        }
    }
}

/// Sessions are cached as their records.
#[expect(clippy::needless_pass_by_value, reason = "this is what a store calls")]
fn decode(loaded: Loaded) -> Result<Decoded<Record>, StoreError> {
    let left = loaded.remaining.unwrap_or_default();
    Ok(Decoded::Session { entry: entry(&loaded.record), left })
}

fn entry(record: &Record) -> CacheEntry<Record> {
    CacheEntry::new(record.clone(), SIZE)
}

/// The bytes that each is said to take.
const SIZE: usize = 500;

/// What was spent so far.
struct Sample(Costs);

type Costs = [f64; COSTS.len()];

impl Sample {
    fn take(cluster: &RedisCluster, group: &Group) -> Self {
        let infos: Vec<_> = cluster.primaries().into_iter().map(|primary| info(cluster, primary)).collect();
        let of_servers = |name: &str| infos.iter().map(|info| figure(info, name)).sum::<f64>();
        let of_nodes = |count: fn(&ClusteredStore) -> u64| group.nodes.iter().map(count).sum::<u64>() as f64;
        Self([
            START.elapsed().as_secs_f64(),
            of_nodes(|node| node.bus_stats().received),
            of_servers("cluster_stats_messages_publish_sent"),
            of_servers("total_net_output_bytes"),
            of_servers("total_net_input_bytes"),
            (of_servers("used_cpu_user") + of_servers("used_cpu_sys")) * 1e6,
            own_cpu_time(),
            of_nodes(|node| node.cache_stats().misses),
            group.outdated.load(Ordering::Relaxed) as f64,
        ])
    }

    fn until(&self, later: &Self) -> Costs {
        std::array::from_fn(|cost| later.0[cost] - self.0[cost])
    }
}

/// What is counted, in this order; behind the time, each for one save.
const COSTS: [&str; 9] = [
    "seconds",
    "messages that nodes receive",
    "messages between the servers",
    "bytes that the servers send",
    "bytes that the servers receive",
    "microseconds of the servers",
    "microseconds of this process",
    "reads past the cache",
    "outdated reads",
];
const SECONDS: usize = 0;

fn info(cluster: &RedisCluster, primary: usize) -> String {
    let parts = [["INFO", "all"], ["CLUSTER", "INFO"]].map(|command| {
        let text = redis::from_redis_value::<String>(cluster.command(primary, &command));
        text.expect("a text")
    });
    parts.concat()
}

/// Zero if the server does not count that, or has had nothing to count.
fn figure(info: &str, name: &str) -> f64 {
    let mut lines = info.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    lines.next().map_or(0.0, |figure| figure.trim().parse().expect("a number"))
}

/// Microseconds. Zero on systems without this figure.
fn own_cpu_time() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| {
        let times = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e3
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
const TRANSPORTS: [InvalidationTransport; 2] =
    [InvalidationTransport::PubSub, InvalidationTransport::Tracking];
const SESSIONS: usize = 300;
const IN_FLIGHT: usize = 32;
/// Slow enough for all, so that neither is measured at its limit.
const RATE: u32 = 500;
const BLOCKS: usize = 3;
/// The longest pause between refreshes of the cluster layout, so that each node refreshes once.
const BLOCK: Duration = Duration::from_secs(2);
/// The pause between fences.
const BEAT: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(5);
