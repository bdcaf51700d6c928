//! Loads and saves a second with each driver, and the CPU time that this process takes for each.
//!
//! `cargo bench --package handstamp-redis --features redis-rs --bench drivers` runs it. The drivers take turns in blocks on the same
//! server, so that whatever else the machine does hits them alike. Ratios are those of blocks next to each other: above 1, redis-rs does
//! more.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod median;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_core::id::Namespace;
use handstamp_core::record::Entry;
use handstamp_redis::{Channel, Driver, RedisConfig, RedisStore, connect};
use handstamp_store::{Records, SaveOutcome};
use handstamp_testkit::{RedisServer, eventually, record, resealed, sealed};
use tokio::task::JoinSet;

use self::median::median;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = RedisServer::start().await;
        let stores = [
            store(&server.url(), "fred", Driver::Fred).await,
            store(&server.url(), "redis-rs", Driver::RedisRs).await,
        ];
        println!("{:20} {:>20} {:>20} {:>8}", "in flight", "fred: 1/s, us CPU", "redis-rs", "ratio");
        for in_flight in [1, 32, 256] {
            compare("load", in_flight, &stores, load).await;
            compare("save", in_flight, &stores, save).await;
        }
    });
    Ok(())
}

async fn store(url: &str, namespace: &str, driver: Driver) -> RedisStore {
    let config = RedisConfig::new(url.parse().expect("a URL"))
        .with_driver(driver)
        // Slow commands on a busy machine shall count, and not fail.
        .with_load_timeout(Duration::from_secs(5))
        .with_save_timeout(Duration::from_secs(5));
    let namespace = Namespace::new(namespace).expect("a namespace");
    let (store, _bus) = connect(config, namespace.clone(), Channel::of(&namespace));
    eventually("the store serves", Duration::from_secs(10), async || {
        let created = store.create(&sealed(&record()), HOUR).await;
        created.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    store
}

async fn compare<F>(title: &str, in_flight: usize, stores: &[RedisStore; 2], step: fn(RedisStore, Entry) -> F)
where
    F: Future<Output = Entry> + Send + 'static,
{
    let mut figures = [const { (Vec::new(), Vec::new()) }; 2];
    for _ in 0..BLOCKS {
        for (store, (rates, costs)) in stores.iter().zip(&mut figures) {
            let (rate, cost) = block(store, in_flight, step).await;
            rates.push(rate);
            costs.push(cost);
        }
    }
    let [(fred, fred_costs), (other, other_costs)] = figures;
    let ratio = median(other.iter().zip(&fred).map(|(other, fred)| other / fred).collect());
    let shown = [(fred, fred_costs), (other, other_costs)]
        .map(|(rates, costs)| format!("{:.0}, {:.1}", median(rates), median(costs)));
    println!("{title:12} {in_flight:>7} {:>20} {:>20} {ratio:>8.2}", shown[0], shown[1]);
}

/// How many steps a second are made, when one follows the other for each of the records, and all go on at once; and the
/// microseconds of CPU time for each.
async fn block<F>(store: &RedisStore, in_flight: usize, step: fn(RedisStore, Entry) -> F) -> (f64, f64)
where
    F: Future<Output = Entry> + Send + 'static,
{
    let records = join_all((0..in_flight).map(async |_| {
        let record = sealed(&record());
        let _ = store.create(&record, HOUR).await.expect("a reply");
        record
    }));
    let records = records.await;
    let (begun, cpu) = (now(), cpu_seconds());
    let mut tasks = JoinSet::new();
    for mut record in records {
        let store = store.clone();
        tasks.spawn(async move {
            let mut steps = 0.0;
            while begun.elapsed() < BLOCK {
                record = step(store.clone(), record).await;
                steps += 1.0;
            }
            steps
        });
    }
    let steps: f64 = tasks.join_all().await.into_iter().sum();
    (steps / begun.elapsed().as_secs_f64(), (cpu_seconds() - cpu) * 1e6 / steps)
}

async fn load(store: RedisStore, record: Entry) -> Entry {
    store.load(record.key()).await.expect("a reply").expect("the record").entry
}

async fn save(store: RedisStore, record: Entry) -> Entry {
    let next = resealed(&record);
    let outcome = store.save(&next, record.revision(), HOUR, INVALIDATION).await.expect("a reply");
    assert_eq!(outcome, SaveOutcome::Saved);
    next
}

/// The CPU time of this process, in steps of ten milliseconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn now() -> Instant {
    Instant::now()
}

/// As long as the real ones.
const INVALIDATION: Bytes = Bytes::from_static(&[7; 110]);
const HOUR: Duration = Duration::from_secs(3_600);
const BLOCKS: usize = 7;
const BLOCK: Duration = Duration::from_millis(300);
