//! What the layer adds to a bare Axum router when the session is in the local cache, in allocations per request.
//!
//! `cargo xtask bench` runs it. It is apart from `cached_read` because counting takes time of its own.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;

use axum::Router;

use crate::cases::{Case, prepare};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_node, mut routers, cases) = prepare().await;
        println!("{:34} {:>10} {:>10}", "allocations per request", "bare", "added");
        for case in &cases {
            let bare = allocations(case, &mut routers.bare).await;
            let wrapped = allocations(case, &mut routers.wrapped).await;
            println!("{:34} {bare:>10} {:>10}", case.name, wrapped - bare);
        }
    });
    Ok(())
}

/// The allocations of one request, once everything is warm.
async fn allocations(case: &Case, router: &mut Router) -> u64 {
    drop(case.send(router).await);
    let mut response = Box::pin(case.send(router));
    let mut count = 0;
    std::future::poll_fn(|cx| {
        let mut polled = std::task::Poll::Pending;
        count += allocation_counter::measure(|| polled = response.as_mut().poll(cx)).count_total;
        polled
    })
    .await;
    count
}
