//! The local cache of handstamp beside other caches: which share of the reads they serve at the same size, what an entry takes, and what a
//! read costs while another thread reads, too.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin caches [--quick]
//! ```

#![expect(clippy::print_stdout, reason = "prints its results")]

mod cache;
mod contention;
mod hit_ratios;
mod memory;
mod requests;
mod two_threads;
mod workload;

use subjects::Error;

fn main() -> Result<(), Error> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let overheads = memory::measure();
    hit_ratios::measure(&overheads, quick);
    contention::measure(quick);
    requests::measure(quick)
}
