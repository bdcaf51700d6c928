//! What the layer adds to a bare Axum router when the session is in the local cache, in nanoseconds per request.
//!
//! `cargo xtask bench` runs it. Blocks of requests to the bare and to the wrapped router alternate, so that other load on the machine
//! affects both alike, and each block is compared with the adjacent bare one.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;

use std::time::{Duration, Instant};

use axum::Router;

use crate::cases::{Case, prepare};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (node, mut routers, cases) = prepare().await;
        println!("{:34} {:>10} {:>10} {:>15}", "nanoseconds per request", "bare", "added", "fastest blocks");
        for case in &cases {
            let (mut bare, mut added, mut wrapped) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..BLOCKS {
                bare.push(block(case, &mut routers.bare).await);
                wrapped.push(block(case, &mut routers.wrapped).await);
                added.push(wrapped[wrapped.len() - 1] - bare[bare.len() - 1]);
            }
            let [bare, added, wrapped] = [bare, added, wrapped].map(sorted);
            let (name, middle) = (case.name, BLOCKS / 2);
            println!(
                "{name:34} {:>10.0} {:>10.0} {:>15.0}",
                bare[middle],
                added[middle],
                wrapped[0] - bare[0]
            );
        }
        let stats = node.cache_stats();
        println!("the cache had {} hits and {} misses", stats.hits, stats.misses);
    });
    Ok(())
}

/// Nanoseconds per request.
async fn block(case: &Case, router: &mut Router) -> f64 {
    // The coordinator runs between blocks, and sends its fences.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let started = now();
    for _ in 0..REQUESTS_PER_BLOCK {
        std::hint::black_box(case.send(router).await);
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS_PER_BLOCK)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn now() -> Instant {
    Instant::now()
}

const BLOCKS: usize = 101;
const REQUESTS_PER_BLOCK: u32 = 2_000;
