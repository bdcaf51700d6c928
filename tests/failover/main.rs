//! The failover report: what a fault of Redis costs the sessions that it hits, and what it costs all others.
//!
//! ```text
//! cargo xtask failover > report.md
//! cargo xtask failover --topology sentinel --faults kill,freeze
//! ```
//!
//! For each fault there is a new Redis: a cluster of three primaries and three replicas (node time-out 2 s, no full
//! coverage required) or three servers with three Sentinels (down after 1 s). Two nodes, each with its own connections, use it
//! on a runtime of two threads:
//!
//! - The *writer* does something with each of 200 sessions every 200 ms: a load past the cache, a save in the place of
//!   the revision it knows, and now and then a delete, which is followed by the create of another session.
//! - The *reader* reads each of them every 100 ms as a request does: from its cache, or else from Redis. Now and then it asks
//!   for the session's deleted predecessor.
//!
//! A third of the sessions lie in the *victim's* part of the slots: the primary that the fault is about, or the slots that
//! move. The rest are the *others*. With Sentinel all are victims.
//!
//! # What is measured
//!
//! - *Unavailable*: the longest time of a session between the end of one success and the end of the next, from the fault
//!   on; the longest of all sessions. Nothing is subtracted: when all is well this is the 200 ms between two operations and a
//!   little. *Calm* is the same before the fault. *Hiccup* is by how much the runtime of the nodes was late at most, and in
//!   brackets, a thread that does nothing: that is the noise of the machine. The goal for the others allows for it, and for
//!   50 ms.
//! - *Redis*: from the fault until most of the nodes that live (or of the Sentinels) name another primary, asked every
//!   10 ms. Where nobody is elected, how long the fault lasts.
//! - *Lost*: every save writes the numbers of all saves that it builds upon. When the dust has settled, an acknowledged
//!   save whose number is not in the record was lost. It counts as *replicated* if it had been acknowledged more than 300 ms
//!   before the fault. An acknowledged delete whose session is there is *back*.
//! - *Stale*: an answer of the reader without a save that was acknowledged more than 2 s (`max_staleness`) before the question,
//!   and that was not lost; or with a session that was deleted so long before and did not come back.
//! - *Slow*: an answer of the reader that took longer than 10 ms.
//!
//! A graceful failover with Sentinels is a coordinated one where the server knows that (Valkey 9): others promote a
//! replica while the old primary still acknowledges writes.
//!
//! With `RUST_LOG`, the log of both nodes goes to standard error. Exit codes: 0 when every goal was met, 1 when one was not, 2
//! when the command line was not understood.

#![allow(clippy::expect_used, clippy::panic, reason = "this is a test")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is a command-line tool")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "these are tests"))]

mod arguments;
mod audit;
mod faults;
mod figures;
mod gaps;
mod goals;
mod keys;
mod life;
mod measurement;
mod nodes;
mod observer;
mod pauses;
mod reader;
mod run;
mod stage;
mod table;
mod writer;

use std::process::ExitCode;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Ok(arguments) = arguments::parse(std::env::args().skip(1)) else {
        eprint!("{}", arguments::USAGE);
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut rows = Vec::new();
    for fault in arguments.faults {
        eprintln!("failover: {} ...", fault.name());
        rows.extend(run::run(arguments.topology, fault).await);
    }
    table::print(arguments.topology, &rows);
    if rows.iter().all(|figures| goals::of(figures).iter().all(|goal| goal.met)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
