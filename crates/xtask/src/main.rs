//! `cargo xtask`: the tasks of this workspace.

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "the output of a command-line tool")]

use std::process::ExitCode;

mod checks;
mod failure;
mod help;
mod instructions;
mod minimal_versions;
mod packages;
mod programs;
mod setup;
mod soak;
mod step;
mod suite;
mod tasks;
mod took;

/// Exit codes: 0 success, 1 a command failed, 2 invalid command line.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["setup"] => setup::run(),
        ["test"] => tasks::test(),
        ["soak", arguments @ ..] => soak::run(arguments),
        ["api"] => tasks::api(),
        ["instructions", arguments @ ..] => instructions::run(arguments),
        ["minimal-versions"] => minimal_versions::run(),
        ["bench", arguments @ ..] => tasks::bench(arguments),
        ["torture", arguments @ ..] => tasks::torture(arguments),
        ["failover", arguments @ ..] => tasks::failover(arguments),
        ["stalls", arguments @ ..] => tasks::stalls(arguments),
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
