//! What a save costs against a plain `SET` of the same bytes, both by the same client library on the same server.
//!
//! `cargo xtask bench` runs it. The two take turns in blocks, so that whatever else the machine does hits both alike.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod median;

use std::time::{Duration, Instant};

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Expiration;
use fred::types::config::Config;
use futures_util::future::join_all;
use handstamp_core::id::Namespace;
use handstamp_core::record::Entry;
use handstamp_redis::{Channel, RedisConfig, RedisStore, connect};
use handstamp_store::{Records, SaveOutcome};
use handstamp_testkit::{RedisServer, record, resealed, sealed};

use self::median::median;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = RedisServer::start().await;
        let namespace = Namespace::default();
        let channel = Channel::of(&namespace);
        let config = RedisConfig::new(server.url().parse().expect("a URL"));
        let (store, _bus) = connect(config, namespace, channel);
        let client = Client::new(Config::from_url(&server.url()).expect("a URL"), None, None, None);
        let _driver = client.init().await.expect("a connection");
        println!("{:12} {:>16} {:>16} {:>8}", "in flight", "SET, us each", "save, us each", "ratio");
        for in_flight in [1, 32, 256] {
            let mut records = join_all((0..in_flight).map(|_| created(&store))).await;
            let (mut sets, mut saves, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..BLOCKS {
                let set = timed(async {
                    join_all(records.iter().map(|record| set_again_and_again(&client, record, ROUNDS))).await;
                });
                let set = set.await;
                let save = timed(async {
                    join_all(records.iter_mut().map(|record| save_again_and_again(&store, record, ROUNDS)))
                        .await;
                });
                let save = save.await;
                ratios.push(save / set);
                let operations = f64::from(ROUNDS) * f64::from(in_flight);
                sets.push(set / operations);
                saves.push(save / operations);
            }
            let [set, save, ratio] = [sets, saves, ratios].map(median);
            println!("{in_flight:<12} {set:>16.1} {save:>16.1} {ratio:>8.2}");
        }
    });
    Ok(())
}

async fn set_again_and_again(client: &Client, record: &Entry, rounds: u32) {
    let key = format!("plain:{}", record.key());
    for _ in 0..rounds {
        let bytes = record.bytes().clone();
        let set = client.set::<(), _, _>(key.as_str(), bytes, Some(Expiration::PX(60_000)), None, false);
        set.await.expect("a reply");
    }
}

async fn save_again_and_again(store: &RedisStore, record: &mut Entry, rounds: u32) {
    for _ in 0..rounds {
        let next = resealed(record);
        let outcome = store.save(&next, record.revision(), MINUTE, INVALIDATION).await.expect("a reply");
        assert_eq!(outcome, SaveOutcome::Saved);
        *record = next;
    }
}

async fn created(store: &RedisStore) -> Entry {
    let record = sealed(&record());
    let _ = store.create(&record, MINUTE).await.expect("a reply");
    record
}

/// Microseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
async fn timed(work: impl Future<Output = ()>) -> f64 {
    let begun = Instant::now();
    work.await;
    begun.elapsed().as_secs_f64() * 1e6
}

/// As long as the real ones.
const INVALIDATION: Bytes = Bytes::from_static(&[7; 110]);
const MINUTE: Duration = Duration::from_secs(60);
const BLOCKS: usize = 31;
const ROUNDS: u32 = 50;
