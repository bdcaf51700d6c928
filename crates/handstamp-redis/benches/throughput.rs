//! How many loads and saves there are in a second, against the same commands sent by the bare client library, and against
//! `redis-benchmark`; on one server, and on a cluster of three primaries.
//!
//! `cargo xtask bench` runs it. All take turns in blocks on the same servers, so that whatever else the machine does hits
//! them alike. Ratios are those of blocks next to each other: above 1, handstamp is the faster one.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod median;

use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::Config;
use fred::types::{ClusterHash, CustomCommand, Expiration, Resp3Frame, Value};
use fred::util::sha1_hash;
use futures_util::future::{join_all, try_join};
use handstamp_core::id::Namespace;
use handstamp_core::record::Entry;
use handstamp_redis::{Channel, RedisConfig, RedisStore, connect, record_key};
use handstamp_store::{Records, SaveOutcome};
use handstamp_testkit::{ClusterOptions, RedisCluster, RedisServer, eventually, record, resealed, sealed};
use tokio::task::{JoinSet, spawn_blocking};

use self::median::median;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        println!("Operations a second. In brackets: how many times as many handstamp does.");
        let server = RedisServer::start().await;
        let client = Client::new(Config::from_url(&server.url()).expect("a URL"), None, None, None);
        let _driver = client.init().await.expect("a connection");
        let primaries = [Primary { port: server.port(), key: "benchmark".to_owned() }];
        let store = store(&server.url()).await;
        measure("one server", &Target { store: &store, client: Some(&client), primaries: &primaries }).await;
        drop(server);

        let options = ClusterOptions { replicas_each: 0, ..ClusterOptions::default() };
        let cluster = RedisCluster::start_with(options).await;
        let primary = |index| Primary { port: cluster.node(index).port(), key: key_in(&cluster, index) };
        let primaries: Vec<_> = cluster.primaries().into_iter().map(primary).collect();
        let store = self::store(&cluster.url()).await;
        measure("three primaries", &Target { store: &store, client: None, primaries: &primaries }).await;
    });
    Ok(())
}

/// The competitors.
struct Target<'p> {
    store: &'p RedisStore,
    client: Option<&'p Client>,
    primaries: &'p [Primary],
}

struct Primary {
    port: u16,
    /// A key of this primary.
    key: String,
}

async fn store(url: &str) -> RedisStore {
    let config = RedisConfig::new(url.parse().expect("a URL"))
        // Slow commands on a busy machine shall count, and not fail.
        .with_load_timeout(Duration::from_secs(5))
        .with_save_timeout(Duration::from_secs(5));
    let (store, _bus) = connect(config, NAMESPACE.clone(), Channel::of(&NAMESPACE));
    eventually("the store serves", Duration::from_secs(10), async || {
        let created = store.create(&sealed(&record()), HOUR).await;
        created.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    store
}

async fn measure(title: &str, place: &Target<'_>) {
    let rivals = RIVALS.map(|rival| format!("{rival:>25}")).concat();
    println!("\n{title:16} {:>9} {:>10}{rivals}", "in flight", "handstamp");
    for in_flight in [1, 32, 256] {
        let [mut loads, mut saves] = [Figures::default(), Figures::default()];
        for _ in 0..BLOCKS {
            loads.0.push(loads_of(place, in_flight).await);
            saves.0.push(saves_of(place, in_flight).await);
        }
        println!("{:16} {in_flight:>9} {loads}", "load");
        println!("{:16} {in_flight:>9} {saves}", "save");
    }
}

/// The columns. The bare client sends the very commands that a load or a save consists of, and what one would do without
/// any care for times to live and for other nodes: `GET`, `SET`. `redis-benchmark` does that, too.
const RIVALS: [&str; 4] =
    ["fred, same commands", "fred, GET or SET", "benchmark, -c 1 -P n", "benchmark, -c n -P 1"];

/// Of handstamp and its rivals, if they compete.
type Block = (f64, [Option<f64>; RIVALS.len()]);

async fn loads_of(at: &Target<'_>, in_flight: usize) -> Block {
    let records = created(at.store, in_flight).await;
    let ours = rate(&records, at.store, load).await;
    let (mut same, mut plain) = (None, None);
    if let Some(client) = at.client {
        same = Some(rate(&records, client, get_and_time_to_live).await);
        plain = Some(rate(&records, client, get).await);
    }
    let [piped, connected] =
        at.redis_benchmarks(in_flight, |key| vec!["GET".to_owned(), key.to_owned()]).await;
    (ours, [same, plain, piped, connected])
}

async fn saves_of(at: &Target<'_>, in_flight: usize) -> Block {
    let records = created(at.store, in_flight).await;
    let ours = rate(&records, at.store, save).await;
    let (mut same, mut plain) = (None, None);
    if let Some(client) = at.client {
        same = Some(rate(&created(at.store, in_flight).await, client, run_script).await);
        plain = Some(rate(&records, client, set).await);
    }
    let value = "x".repeat(encoded(&records[0]).len());
    let set = |key: &str| vec!["SET".to_owned(), key.to_owned(), value.clone()];
    let [piped, connected] = at.redis_benchmarks(in_flight, set).await;
    (ours, [same, plain, piped, connected])
}

async fn load(store: RedisStore, record: Entry) -> Entry {
    store.load(record.key()).await.expect("a reply").expect("the record").entry
}

async fn get_and_time_to_live(client: Client, record: Entry) -> Entry {
    let name = name(&record);
    let replies = try_join(client.get(name.as_str()), client.pttl(name.as_str()));
    let (_, _): (Bytes, i64) = replies.await.expect("a reply");
    record
}

async fn get(client: Client, record: Entry) -> Entry {
    let _: Bytes = client.get(name(&record)).await.expect("a reply");
    record
}

async fn save(store: RedisStore, record: Entry) -> Entry {
    let next = next(&record);
    let outcome = store.save(&next, record.revision(), HOUR, INVALIDATION).await.expect("a reply");
    assert_eq!(outcome, SaveOutcome::Saved);
    next
}

async fn run_script(client: Client, record: Entry) -> Entry {
    let next = next(&record);
    let evalsha = CustomCommand::new_static("EVALSHA", ClusterHash::FirstKey, false);
    let arguments: Vec<Value> = vec![
        SCRIPT.clone().into(),
        "1".into(),
        name(&record).into(),
        Value::Bytes(Bytes::copy_from_slice(&record.revision().to_bytes())),
        Value::Bytes(Bytes::copy_from_slice(&next.revision().to_bytes())),
        Value::Bytes(encoded(&next)),
        "3600000".into(),
        CHANNEL.clone().into(),
        Value::Bytes(INVALIDATION),
    ];
    let reply = client.custom_raw(evalsha, arguments).await.expect("a reply");
    assert!(matches!(reply, Resp3Frame::Number { data: 1, .. }), "{reply:?}");
    next
}

async fn set(client: Client, record: Entry) -> Entry {
    let next = next(&record);
    let expiration = Some(Expiration::PX(3_600_000));
    let key = format!("plain:{}", record.key());
    client.set::<(), _, _>(key, encoded(&next), expiration, None, false).await.expect("a reply");
    next
}

/// How many steps a second are made, when one follows the other for each of the records, and all go on at once.
async fn rate<C, F>(records: &[Entry], connected: &C, step: fn(C, Entry) -> F) -> f64
where
    C: Clone + Send + 'static,
    F: Future<Output = Entry> + Send + 'static,
{
    let begun = now();
    let mut tasks = JoinSet::new();
    for mut record in records.iter().cloned() {
        let connected = connected.clone();
        tasks.spawn(async move {
            let mut steps = 0.0;
            while begun.elapsed() < BLOCK {
                record = step(connected.clone(), record).await;
                steps += 1.0;
            }
            steps
        });
    }
    let steps: f64 = tasks.join_all().await.into_iter().sum();
    steps / begun.elapsed().as_secs_f64()
}

impl Target<'_> {
    /// `redis-benchmark` with as many commands in flight: on one connection, and on as many connections. There is one for
    /// each primary, all at once: where one serves a whole cluster, it looks only four times a second whether it is done.
    async fn redis_benchmarks(
        &self,
        in_flight: usize,
        command: impl Fn(&str) -> Vec<String>,
    ) -> [Option<f64>; 2] {
        let share = in_flight.div_ceil(self.primaries.len());
        let busy = &self.primaries[..self.primaries.len().min(in_flight)];
        let mut rates = [None; 2];
        for (rate, [connections, piped]) in rates.iter_mut().zip([[1, share], [share, 1]]) {
            // As many as take about as long as a block of ours.
            let mut requests = 2_000;
            for _ in 0..2 {
                let runs = busy.iter().map(|primary| {
                    let mut benchmark = Command::new("redis-benchmark");
                    benchmark.args(["--csv", "-p", &primary.port.to_string()]);
                    benchmark.args(["-c", &connections.to_string(), "-P", &piped.to_string()]);
                    benchmark.args(["-n", &requests.to_string()]).args(command(&primary.key));
                    spawn_blocking(move || run(&mut benchmark))
                });
                let each = join_all(runs).await.into_iter().map(|run| run.expect("it does not panic"));
                *rate = each.sum::<Option<f64>>();
                let Some(rate) = *rate else { break };
                requests = (rate / busy.len() as f64 * BLOCK.as_secs_f64()) as usize;
            }
        }
        rates
    }
}

/// Requests a second, if there is such a program.
fn run(benchmark: &mut Command) -> Option<f64> {
    let output = benchmark.stderr(Stdio::null()).output().ok()?;
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures = output.lines().last()?.split("\",\"").nth(1)?.parse();
    Some(figures.expect("a number"))
}

/// The figures of all blocks.
#[derive(Default)]
struct Figures(Vec<Block>);

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>10.0}", median(self.0.iter().map(|(ours, _)| *ours).collect()))?;
        for rival in 0..RIVALS.len() {
            let pairs = self.0.iter().filter_map(|(ours, rivals)| Some((*ours, rivals[rival]?)));
            let (rates, ratios): (Vec<_>, Vec<_>) = pairs.map(|(ours, rival)| (rival, ours / rival)).unzip();
            if rates.is_empty() {
                write!(f, "{:>25}", "-")?;
            } else {
                write!(f, "{:>16.0} {:>8}", median(rates), format!("({:.2})", median(ratios)))?;
            }
        }
        Ok(())
    }
}

async fn created(store: &RedisStore, count: usize) -> Vec<Entry> {
    join_all((0..count).map(async |_| {
        let record = sealed(&record());
        let _ = store.create(&record, HOUR).await.expect("a reply");
        record
    }))
    .await
}

fn next(record: &Entry) -> Entry {
    resealed(record)
}

fn encoded(record: &Entry) -> Bytes {
    record.bytes().clone()
}

fn name(record: &Entry) -> String {
    record_key(&NAMESPACE, record.key())
}

/// A key of this node.
fn key_in(cluster: &RedisCluster, index: usize) -> String {
    let mut keys = (0..).map(|number| format!("benchmark:{number}"));
    keys.find(|key| cluster.primary_of(key) == index).expect("a key")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn now() -> Instant {
    Instant::now()
}

static NAMESPACE: LazyLock<Namespace> = LazyLock::new(Namespace::default);
static CHANNEL: LazyLock<String> = LazyLock::new(|| Channel::of(&NAMESPACE).as_str().to_owned());
static SCRIPT: LazyLock<String> = LazyLock::new(|| sha1_hash(include_str!("../src/scripts/save.lua")));
/// As long as the real ones.
const INVALIDATION: Bytes = Bytes::from_static(&[7; 110]);
const HOUR: Duration = Duration::from_secs(3_600);
const BLOCKS: usize = 5;
const BLOCK: Duration = Duration::from_millis(100);
