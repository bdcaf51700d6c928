//! What the layer adds to a bare Axum router, around it and inside of it, when the session is in the local cache, in allocations per request.
//!
//! `cargo xtask bench` runs it.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;
#[path = "cases/allocations.rs"]
mod counting;

use crate::cases::prepare;
use crate::counting::allocations;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_node, mut routers, cases) = prepare().await;
        println!(
            "{:34} {:>10} {:>14} {:>14}",
            "allocations per request", "bare", "added around", "added inside"
        );
        for case in &cases {
            let (bare, around, inside) = allocations(case, &mut routers).await;
            println!("{:34} {bare:>10} {around:>14} {inside:>14}", case.name);
        }
    });
    Ok(())
}
