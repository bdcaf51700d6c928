//! The failover report: the cost of a fault of Redis for the affected sessions, and for all others.
//!
//! ```text
//! cargo xtask failover > report.md
//! cargo xtask failover --topology sentinel --faults kill,freeze
//! ```
//!
//! Every fault is injected into new servers: a cluster of three primaries and three replicas (node timeout 2 s, full coverage not
//! required), or three servers with three Sentinels (down after 1 s). Two nodes use them, each with its own connections, on a
//! runtime of two threads:
//!
//! - The *writer* executes an operation on each of 200 sessions every 200 ms: a load that bypasses the cache, a save that replaces
//!   the known revision, and sometimes a delete, followed by the creation of another session.
//! - The *reader* reads each session every 100 ms, like a request: from its cache, or else from Redis. Sometimes it reads the
//!   deleted predecessor of the session.
//!
//! A third of the sessions belong to the *victim*: the primary that the fault affects, or the slots that move. The rest are the
//! *others*. With Sentinel, all sessions belong to the victim.
//!
//! # What is measured
//!
//! - *Unavailable*: the longest time between the ends of two consecutive successes of a session since the fault, and the maximum of
//!   all sessions. Nothing is subtracted, so without a fault this is a little more than the 200 ms between two operations. *Calm* is
//!   the same before the fault. *Hiccup* is the longest delay of the nodes' runtime, and in parentheses that of an idle thread,
//!   which is the noise of the machine. The goal for the others has a tolerance for it, and for another 50 ms.
//! - *Redis*: from the fault until most of the running nodes (or Sentinels), polled every 10 ms, report another primary; without an
//!   election, the duration of the fault.
//! - *Lost*: every save contains the numbers of all saves before it. An acknowledged save whose number is not in the final record
//!   was lost. It counts as *replicated* if it had been acknowledged more than 300 ms before the fault. A session that exists after
//!   an acknowledged delete is *back*.
//! - *Stale*: a read without a save that was acknowledged more than 2 s (`max_staleness`) before, and was not lost; or a read of a
//!   session that was deleted more than 2 s before, and is not back.
//! - *Slow*: a read that took longer than 10 ms.
//!
//! A graceful failover with Sentinels is a coordinated one if the server supports that (Valkey 9). Otherwise a replica is promoted
//! while the old primary still acknowledges writes.
//!
//! With `RUST_LOG`, the log of both nodes goes to standard error. Exit codes: 0 if every goal was met, 1 if one was not, 2 if the
//! command line is invalid.

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
