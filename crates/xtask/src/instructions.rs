//! The gate for the speed of the layer: instructions per request, counted by callgrind. Unlike time, they hardly depend on the machine and
//! on other load.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::setup;
use crate::step::{Step, WORKSPACE};

/// Compares the instructions of each request with the recorded ones, or records them.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let records = match arguments {
        [] => false,
        ["--record"] => true,
        _ => return Err(Failure::Message("`instructions` takes `--record` or nothing".to_owned())),
    };
    setup::run()?;
    if !IS_SUPPORTED {
        println!("\nxtask: instructions were not counted: the recorded ones are those of Linux on x86-64.");
        return Ok(());
    }
    let base = Path::new(WORKSPACE).join(BASE);
    let text = fs::read_to_string(&base)
        .map_err(|error| Failure::Message(format!("{BASE} cannot be read: {error}")))?;
    let program = build()?;
    let counted = parse(&text)
        .into_iter()
        .map(|(case, recorded)| Ok((case, recorded, per_request(&program, case)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if records {
        return fs::write(&base, with_counts(&text, &counted))
            .map_err(|error| Failure::Message(format!("{BASE} cannot be written: {error}")));
    }
    println!("\n{}", table(&counted));
    let risen: Vec<_> = counted.iter().filter(|count| has_risen(count)).map(|(case, ..)| *case).collect();
    if risen.is_empty() {
        return Ok(());
    }
    Err(Failure::Message(format!(
        "requests take over {TOLERANCE} % more instructions than recorded: {}. Find the cause; if the cost is worth it, or the compiler is \
         another one, run `cargo xtask instructions --record`, and commit {BASE} with the reason.",
        risen.join(", ")
    )))
}

/// Valgrind is not available everywhere, and other processors have other instructions.
pub(crate) const IS_SUPPORTED: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

type Counts<'t> = [(&'t str, u64, u64)];

fn has_risen(&(_, recorded, counted): &(&str, u64, u64)) -> bool {
    counted * 100 > recorded * (100 + TOLERANCE)
}

fn table(counts: &Counts<'_>) -> String {
    let mut table = format!("{:34} {:>10} {:>10}\n", "instructions per request", "recorded", "now");
    for (case, recorded, counted) in counts {
        let _ = writeln!(table, "{case:34} {recorded:>10} {counted:>10}");
    }
    table
}

/// The cases in the lines `case: count`.
fn parse(text: &str) -> Vec<(&str, u64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(": "))
        .map(|(case, count)| (case, count.parse().unwrap_or(0)))
        .collect()
}

fn with_counts(text: &str, counts: &Counts<'_>) -> String {
    let comments = text.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n"));
    comments.chain(counts.iter().map(|(case, _, counted)| format!("{case}: {counted}\n"))).collect()
}

/// Builds the program, and returns its path.
fn build() -> Result<PathBuf, Failure> {
    let messages =
        Step::new("cargo build --package instructions --profile instructions --message-format json")
            .output()?;
    let path = messages.rsplit_once("\"executable\":\"").and_then(|(_, rest)| rest.split('"').next());
    path.map(PathBuf::from)
        .ok_or_else(|| Failure::Message("cargo has not named the program that it has built".to_owned()))
}

/// The instructions of a request, without those of the start.
fn per_request(program: &Path, case: &str) -> Result<u64, Failure> {
    let (few, many) = (count(program, case, REQUESTS)?, count(program, case, 2 * REQUESTS)?);
    Ok(many.saturating_sub(few) / REQUESTS)
}

fn count(program: &Path, case: &str, requests: u64) -> Result<u64, Failure> {
    let step = Step::new("valgrind --tool=callgrind --callgrind-out-file=/dev/null");
    let output = step
        .command()
        .arg(program)
        .args([case, "around", &requests.to_string()])
        .output()
        .map_err(|error| Failure::NotStarted { command: step.to_string(), error })?;
    let report = String::from_utf8_lossy(&output.stderr);
    let counted = report.rsplit_once("Collected : ").and_then(|(_, rest)| rest.split_whitespace().next());
    match counted.and_then(|counted| counted.parse().ok()) {
        Some(counted) if output.status.success() => Ok(counted),
        _ => Err(Failure::Message(format!("`{step}` failed ({}): {report}", output.status))),
    }
}

const BASE: &str = "benches/instructions/recorded.txt";
/// In percent.
const TOLERANCE: u64 = 5;
/// So many that the start, whose random secret takes more or less work, hardly matters.
const REQUESTS: u64 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_increase_of_over_five_percent_fails() {
        assert!(!has_risen(&("read", 1_000, 1_050)));
        assert!(has_risen(&("read", 1_000, 1_051)));
        assert!(has_risen(&("a case without a count", 0, 1)));
    }

    #[test]
    fn a_record_keeps_comments_and_cases() {
        let text = "# a comment\na read: the first: 12\na write: 0\n";
        assert_eq!(parse(text), [("a read: the first", 12), ("a write", 0)]);
        let counts = [("a read: the first", 12, 13), ("a write", 0, 7)];
        assert_eq!(with_counts(text, &counts), "# a comment\na read: the first: 13\na write: 7\n");
    }
}
