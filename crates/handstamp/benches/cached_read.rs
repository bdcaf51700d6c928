//! What the layer adds to a bare Axum router, around it and inside of it, when the session is in the local cache, in nanoseconds per request.
//!
//! `cargo xtask bench` runs it. Blocks of requests to the three routers alternate, so that other load on the machine affects all
//! alike, and each block is compared with the bare one before it.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service;

use crate::cases::{Case, prepare};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (node, mut routers, cases) = prepare().await;
        println!("Nanoseconds per request: the median, and the fastest of {BLOCKS} blocks.");
        println!("{:34} {:>15} {:>15} {:>15}", "", "bare", "added around", "added inside");
        for case in &cases {
            let [mut bare, mut around, mut inside] = [const { Vec::new() }; 3];
            for _ in 0..BLOCKS {
                bare.push(block(case, &mut routers.bare).await);
                around.push(block(case, &mut routers.around).await);
                inside.push(block(case, &mut routers.inside).await);
            }
            let (around, inside) = (added(&around, &bare), added(&inside, &bare));
            let bare = format!("{:.0} {:.0}", median(&bare), fastest(&bare));
            println!("{:34} {bare:>15} {around:>15} {inside:>15}", case.name);
        }
        let stats = node.cache_stats();
        println!("the cache had {} hits and {} misses", stats.hits, stats.misses);
    });
    Ok(())
}

/// Nanoseconds per request.
async fn block<S>(case: &Case, app: &mut S) -> f64
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    // The coordinator runs between blocks, and sends its fences.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let started = now();
    for _ in 0..REQUESTS_PER_BLOCK {
        std::hint::black_box(case.send(app).await);
        // Lets the node receive its own invalidations, which writes cause.
        tokio::task::yield_now().await;
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS_PER_BLOCK)
}

/// The median of the differences, and the difference of the fastest.
fn added(blocks: &[f64], bare: &[f64]) -> String {
    let differences: Vec<_> = blocks.iter().zip(bare).map(|(block, bare)| block - bare).collect();
    format!("{:.0} {:.0}", median(&differences), fastest(blocks) - fastest(bare))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn fastest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn now() -> Instant {
    Instant::now()
}

const BLOCKS: usize = 101;
const REQUESTS_PER_BLOCK: u32 = 2_000;
