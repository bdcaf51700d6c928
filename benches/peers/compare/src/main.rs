//! Measures handstamp and other session layers side by side, in one run on one machine, and writes a report.
//!
//! `cargo xtask bench` builds and runs it. `compare help` describes each measurement.

#![expect(clippy::print_stderr, reason = "reports its progress")]

mod clock;
mod cpu;
mod growth;
mod hot_session;
mod http;
mod in_flight;
mod in_process;
mod invalidations;
mod machine;
mod memory;
mod quiet;
mod report;
mod results;
mod round_trips;
mod server;
mod statistics;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use subjects::{Error, Subject};

use self::quiet::Quiet;

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
    /// One hot session, read by two threads
    HotSession(Options),
    /// What requests send to Redis
    RoundTrips(Options),
    /// Loads and saves that are in flight together
    InFlight(Options),
    /// How soon and at what cost other nodes apply an invalidation
    Invalidations(Options),
    /// What many nodes, sessions and writes cost: measured as far as it fits on this machine, and computed beyond
    Growth(Options),
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
    /// Fewer and shorter rounds: less precise figures in less than three minutes
    #[arg(long)]
    quick: bool,
    /// The folder for the results and the report [default: docs/performance, or target/performance with --quick]
    #[arg(long)]
    out: Option<PathBuf>,
    /// How long to wait for a quiet machine, in seconds, in all [default: 600, or 20 with --quick]
    #[arg(long)]
    patience: Option<u64>,
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
    let (parts, options) = match command {
        Command::Serve(application) => return server::serve(&application),
        Command::Fill(application) => return memory::fill(&application),
        Command::Report(options) => return report::write(&options.folder()),
        Command::All(options) => (Part::ALL.as_slice(), options),
        Command::InProcess(options) => ([Part::InProcess].as_slice(), options),
        Command::HotSession(options) => ([Part::HotSession].as_slice(), options),
        Command::RoundTrips(options) => ([Part::RoundTrips].as_slice(), options),
        Command::InFlight(options) => ([Part::InFlight].as_slice(), options),
        Command::Invalidations(options) => ([Part::Invalidations].as_slice(), options),
        Command::Growth(options) => ([Part::Growth].as_slice(), options),
        Command::Http(options) => ([Part::Http].as_slice(), options),
        Command::Memory(options) => ([Part::Memory].as_slice(), options),
    };
    let begun = clock::now();
    let mut quiet = Quiet::new(options.patience());
    let mut failures = Vec::new();
    // A part that fails does not cost the figures of the others.
    for part in parts {
        if let Err(error) = part.measure(&options, &mut quiet) {
            eprintln!("{}: {error}", part.name());
            failures.push(part.name());
        }
    }
    report::write(&options.folder())?;
    eprintln!("compare: {} s, report in {}", begun.elapsed().as_secs(), options.folder().display());
    if failures.is_empty() { Ok(()) } else { Err(format!("failed: {}", failures.join(", ")).into()) }
}

/// What can be measured.
#[derive(Clone, Copy, Debug)]
enum Part {
    InProcess,
    HotSession,
    RoundTrips,
    InFlight,
    Invalidations,
    Growth,
    Http,
    Memory,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::InProcess,
        Self::HotSession,
        Self::RoundTrips,
        Self::InFlight,
        Self::Invalidations,
        Self::Growth,
        Self::Http,
        Self::Memory,
    ];

    /// Of its command, and of the file with its results.
    const fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::HotSession => "hot-session",
            Self::RoundTrips => "round-trips",
            Self::InFlight => "in-flight",
            Self::Invalidations => "invalidations",
            Self::Growth => "growth",
            Self::Http => "http",
            Self::Memory => "memory",
        }
    }

    fn measure(self, options: &Options, quiet: &mut Quiet) -> Result<(), Error> {
        match self {
            Self::InProcess => self.run(options, quiet, in_process::measure),
            Self::HotSession => self.run(options, quiet, hot_session::measure),
            Self::RoundTrips => self.run(options, quiet, round_trips::measure),
            Self::InFlight => self.run(options, quiet, in_flight::measure),
            Self::Invalidations => self.run(options, quiet, invalidations::measure),
            Self::Growth => self.run(options, quiet, growth::measure),
            Self::Http => self.run(options, quiet, http::measure),
            Self::Memory => self.run(options, quiet, memory::measure),
        }
    }

    /// Measures, and writes the results.
    fn run<T: serde::Serialize>(
        self,
        options: &Options,
        quiet: &mut Quiet,
        measure: impl AsyncFnOnce(bool, &mut Quiet) -> Result<T, Error>,
    ) -> Result<(), Error> {
        let machine = machine::Machine::this()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let rows = runtime.block_on(measure(options.quick, quiet))?;
        let quick = if options.quick { " --quick" } else { "" };
        let command = format!("{PROGRAM} {}{quick}", self.name());
        results::Results { command, machine, quietness: Some(quiet.take()), rows }
            .write(&options.folder(), self.name())
    }
}

impl Options {
    fn folder(&self) -> PathBuf {
        let default = if self.quick { "target/performance" } else { "docs/performance" };
        self.out.clone().unwrap_or_else(|| Path::new(REPOSITORY).join(default))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.patience.unwrap_or(if self.quick { 20 } else { 600 }))
    }
}

/// As it is run at the top of the repository.
const PROGRAM: &str = "cargo run --release --manifest-path benches/peers/Cargo.toml --bin compare --";

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
