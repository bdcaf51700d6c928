//! The cost of short stalls of Redis, as during a fork for a snapshot, for a fleet of nodes: the load that each stall causes, and the
//! time until the fleet is calm again.
//!
//! ```text
//! cargo xtask stalls --nodes 100
//! ```
//!
//! The nodes are in this process, each with its own cache, connections and subscription; Redis is a process that is suspended and
//! resumed by signals. Every node reads cached sessions, some hundred times a second. The report counts:
//!
//! - *Loads*: commands that read a session, from the beginning of the stall until the fleet is calm. Without a stall there are
//!   none.
//! - *Clears*: nodes whose cache was cleared.
//! - *Connections*: new connections.
//! - *Read errors*: reads that neither the cache nor the store could serve.
//! - *Calm after*: the time from the end of the stall until reads no longer miss the cache on any node.

#![allow(clippy::expect_used, clippy::panic, reason = "this is a measurement")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is a command-line tool")]

mod arguments;
mod fleet;
mod reader;
mod server;
mod stall;

use std::process::ExitCode;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::fleet::Fleet;
use crate::server::Server;
use crate::stall::Stall;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(Arguments { nodes }) = arguments::parse(std::env::args().skip(1)) else {
        eprint!("{}", arguments::USAGE);
        return ExitCode::from(2);
    };
    let server = Server::start().await;
    let fleet = Fleet::start(&server, nodes).await;
    println!(
        "{nodes} nodes, {} sessions in the cache of each, {} reads a second\n",
        fleet::SESSIONS,
        fleet.rate()
    );
    println!("{}", Stall::HEAD);
    for seconds in STALLS {
        println!("{}", Stall::measure(&server, &fleet, Duration::from_secs_f64(seconds)).await);
    }
    ExitCode::SUCCESS
}

/// The lengths of the stalls in seconds. Zero is for comparison.
const STALLS: [f64; 6] = [0.0, 0.3, 0.5, 1.0, 2.0, 3.0];
