//! Measures handstamp and other session layers side by side, in one run on one machine, and writes a report.
//!
//! `cargo xtask bench` builds and runs it. `compare help` describes each measurement.

#![expect(clippy::print_stderr, reason = "reports its progress")]

mod cpu;
mod http;
mod in_process;
mod machine;
mod memory;
mod report;
mod results;
mod server;
mod statistics;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use subjects::{Error, Subject};

/// Measures handstamp and other session layers side by side.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All measurements, one after the other
    All(Options),
    /// Calls of the routers without a network: what each layer adds to a bare router, in nanoseconds and allocations
    InProcess(Options),
    /// Servers on one core under the load of wrk on another one
    Http(Options),
    /// Memory of each session in the cache
    Memory(Options),
    /// Writes the report again, from the results of earlier measurements
    Report(Options),
    /// Serves an application. The other commands start this
    #[command(hide = true)]
    Serve(Application),
    /// Fills the cache of an application, and prints its memory before and after
    #[command(hide = true)]
    Fill(Application),
}

#[derive(Args, Clone, Debug)]
struct Options {
    /// Fewer and shorter rounds: a minute for each measurement, and less precise figures
    #[arg(long)]
    quick: bool,
    /// The folder for the results and the report [default: docs/performance, or target/performance with --quick]
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Application {
    subject: Subject,
    #[arg(long)]
    redis_url: String,
    /// The number of sessions
    #[arg(long, default_value_t = 0)]
    sessions: usize,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::All(options) => {
            measure(&options, "in-process", in_process::measure)?;
            measure(&options, "http", http::measure)?;
            measure(&options, "memory", memory::measure)?;
            report::write(&options.folder())
        }
        Command::InProcess(options) => {
            measure(&options, "in-process", in_process::measure)?;
            report::write(&options.folder())
        }
        Command::Http(options) => {
            measure(&options, "http", http::measure)?;
            report::write(&options.folder())
        }
        Command::Memory(options) => {
            measure(&options, "memory", memory::measure)?;
            report::write(&options.folder())
        }
        Command::Report(options) => report::write(&options.folder()),
        Command::Serve(application) => server::serve(&application),
        Command::Fill(application) => memory::fill(&application),
    }
}

/// Measures, and writes the results to a file of this name.
fn measure<T: serde::Serialize>(
    options: &Options,
    name: &str,
    measure: impl AsyncFnOnce(bool) -> Result<Vec<T>, Error>,
) -> Result<(), Error> {
    let machine = machine::Machine::this()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(measure(options.quick))?;
    let quick = if options.quick { " --quick" } else { "" };
    results::Results { command: format!("{PROGRAM} {name}{quick}"), machine, rows }
        .write(&options.folder(), name)
}

impl Options {
    fn folder(&self) -> PathBuf {
        let default = if self.quick { "target/performance" } else { "docs/performance" };
        self.out.clone().unwrap_or_else(|| Path::new(REPOSITORY).join(default))
    }
}

/// As it is run at the top of the repository.
const PROGRAM: &str = "cargo run --release --manifest-path benches/peers/Cargo.toml --bin compare --";

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");

/// How long handstamp keeps a session in its cache by default. The others keep it until it expires.
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(30);
