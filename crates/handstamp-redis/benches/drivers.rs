//! What loads and saves cost with each driver, against the same commands by the bare libraries, and against a plain `SET`.
//!
//! `cargo bench --package handstamp-redis --features redis-rs --bench drivers` runs it; behind `--`, numbers of operations in flight. All take
//! turns in blocks on the same server, so that whatever else the machine does hits them alike. Ratios are those of blocks next to each
//! other.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod block;
mod contestant;
mod median;

use std::time::Duration;

use handstamp_redis::Driver;
use handstamp_testkit::RedisServer;

use self::block::{Block, median_ratio};
use self::contestant::{Contestant, Revisions, cpu_of_server, created};
use self::median::median;

fn main() -> std::io::Result<()> {
    let in_flight: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let in_flight = if in_flight.is_empty() { vec![1, 32, 256] } else { in_flight };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = RedisServer::start().await;
        let url = server.url();
        let fred = Contestant::bare_fred(&url, false).await;
        let fred_nodelay = Contestant::bare_fred(&url, true).await;
        let redis_rs = Contestant::bare_redis_rs(&url).await;
        let ours_on_fred = Contestant::ours(&url, Driver::Fred).await;
        let ours_on_redis_rs = Contestant::ours(&url, Driver::RedisRs).await;

        let helpers = Helpers { creator: &ours_on_fred, observer: &redis_rs };
        println!("One write in flight: a plain SET of the same bytes, and a save. Times, and the CPU time of this process and of the server, in microseconds.");
        for (title, bare, ours) in
            [("fred", &fred, &ours_on_fred), ("redis-rs", &redis_rs, &ours_on_redis_rs)]
        {
            let set = ("SET", bare, Operation::Set);
            let script = ("EVALSHA", bare, Operation::Save);
            compare(title, 1, &helpers, [set, script, ("save", ours, Operation::Save)]).await;
        }
        println!("\nThe same commands, each of the operations in flight in a task of its own.");
        for in_flight in in_flight {
            for (name, operation) in [("load", Operation::Load), ("save", Operation::Save)] {
                let rivals = [
                    ("fred", &fred, operation),
                    ("fred, nodelay", &fred_nodelay, operation),
                    ("redis-rs", &redis_rs, operation),
                    ("ours, fred", &ours_on_fred, operation),
                    ("ours, redis-rs", &ours_on_redis_rs, operation),
                ];
                compare(&format!("{name}, {in_flight}"), in_flight, &helpers, rivals).await;
            }
        }
    });
    Ok(())
}

/// The clients that prepare and observe a measurement.
struct Helpers<'c> {
    creator: &'c Contestant,
    observer: &'c Contestant,
}

#[derive(Clone, Copy)]
enum Operation {
    Load,
    Save,
    Set,
}

/// The figures of each rival, and their ratios to those of the first.
async fn compare<const N: usize>(
    title: &str,
    in_flight: usize,
    helpers: &Helpers<'_>,
    rivals: [(&str, &Contestant, Operation); N],
) {
    let mut blocks = [const { Vec::new() }; N];
    let mut servers = [const { Vec::new() }; N];
    let mut records = created(helpers.creator, in_flight).await;
    for _ in 0..BLOCKS {
        for (((_, contestant, operation), blocks), server) in rivals.iter().zip(&mut blocks).zip(&mut servers)
        {
            let block;
            let before = cpu_of_server(helpers.observer).await;
            (block, records) = run(contestant, *operation, records).await;
            server.push((cpu_of_server(helpers.observer).await - before) / block.operations);
            blocks.push(block);
        }
    }
    println!(
        "{title:12} {:16} {:>9} {:>7} {:>7} {:>7} {:>7} {:>9} {:>7} {:>7} {:>7}",
        "", "a second", "ratio", "CPU", "ratio", "server", "p50", "ratio", "p99", "ratio"
    );
    for (((name, ..), own), server) in rivals.iter().zip(&blocks).zip(servers) {
        let Block { rate, cpu, p50, p99, .. } = Block::median_of(own);
        let server = median(server);
        let ratio = |figure| median_ratio(own, &blocks[0], figure);
        println!(
            "{:12} {name:16} {rate:>9.0} {:>7.2} {cpu:>7.1} {:>7.2} {server:>7.1} {p50:>9.1} {:>7.2} {p99:>7.1} {:>7.2}",
            "",
            ratio(|block| block.rate),
            ratio(|block| block.cpu),
            ratio(|block| block.p50),
            ratio(|block| block.p99),
        );
    }
}

async fn run(
    contestant: &Contestant,
    operation: Operation,
    records: Vec<Revisions>,
) -> (Block, Vec<Revisions>) {
    let contestant = contestant.clone();
    match operation {
        Operation::Load => Block::run(BLOCK, records, move |record| contestant.clone().load(record)).await,
        Operation::Save => Block::run(BLOCK, records, move |record| contestant.clone().save(record)).await,
        Operation::Set => Block::run(BLOCK, records, move |record| contestant.clone().set(record)).await,
    }
}

const BLOCKS: usize = 21;
const BLOCK: Duration = Duration::from_millis(100);
