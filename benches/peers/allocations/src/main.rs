//! Counts the allocations of requests, and prints them as JSON. A program of its own, because counting takes time.
//!
//! `compare in-process` starts it.

#![expect(clippy::print_stdout, reason = "its output is read by `compare`")]

use subjects::{Allocations, CASES, Counted, Error, Handling, Message, Target};
use tokio::runtime::{Builder, Runtime};

fn main() -> Result<(), Error> {
    let redis_url = std::env::args().nth(1).ok_or("usage: allocations REDIS_URL")?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut counted = Vec::new();
    for target in &mut runtime.block_on(Target::all(&redis_url))? {
        for case in CASES.into_iter().filter(|case| target.subject.measured_in(case)) {
            let (request, _) = case.request(&target.cookie).into_parts();
            // Once everything is warm.
            runtime.block_on(target.started.app.send_block(&request, REQUESTS));
            // Tasks in the background run on this thread, too.
            let measured = allocation_counter::measure(|| {
                runtime.block_on(target.started.app.send_block(&request, REQUESTS));
            });
            counted.push(Allocations {
                case: case.name.to_owned(),
                subject: target.subject.label().to_owned(),
                placement: target.placement,
                count: measured.count_total as f64 / f64::from(REQUESTS),
                bytes: measured.bytes_total as f64 / f64::from(REQUESTS),
            });
        }
    }
    let messages =
        Message::ALL.map(|kind| of_messages(&runtime, kind)).into_iter().collect::<Result<_, _>>()?;
    println!("{}", serde_json::to_string(&Counted { requests: counted, messages })?);
    Ok(())
}

/// The median of some rounds: sometimes the background allocates something.
fn of_messages(runtime: &Runtime, kind: Message) -> Result<(String, f64), Error> {
    let mut handling = runtime.block_on(Handling::start(kind))?;
    let mut counts = Vec::new();
    for _ in 0..ROUNDS {
        runtime.block_on(handling.prepare())?;
        let measured = allocation_counter::measure(|| runtime.block_on(handling.handle()));
        counts.push(measured.count_total);
    }
    counts.sort_unstable();
    Ok((kind.label().to_owned(), counts[ROUNDS / 2] as f64 / Handling::MESSAGES as f64))
}

const REQUESTS: u32 = 200;
const ROUNDS: usize = 11;
