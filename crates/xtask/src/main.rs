//! `cargo xtask`: the chores of this workspace, so that a newcomer needs one command and no manual.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command-line tool talks to whoever started it"
)]

use std::process::ExitCode;

mod failure;
mod help;
mod programs;
mod setup;
mod soak;
mod step;
mod suite;
mod tasks;
mod took;

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
            print!("{}", help::text());
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{}", help::text());
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
