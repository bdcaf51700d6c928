use super::measured::Measured;
use super::numbers::percent;

/// How quiet the machine was.
pub(super) fn section(measured: &Measured) -> String {
    let parts = measured.quietness();
    if parts.is_empty() {
        return String::new();
    }
    let mut text = INTRODUCTION.to_owned();
    for (part, quietness) in &parts {
        text += &format!(
            "| {part} | {} | {} | {:.0} |\n",
            percent(quietness.foreign_cpu),
            percent(quietness.foreign_cpu_at_most),
            quietness.waited_seconds
        );
    }
    let busy = parts.iter().any(|(_, quietness)| !quietness.is_quiet());
    text + if busy { BUSY } else { "" }
}

const INTRODUCTION: &str = "
## How quiet the machine was

The share of the CPU time of all cores that other programs used while something was measured, and that the hypervisor gave to other
machines. Before each measurement, the program waits until that share is below a tenth, but only for so long.

| Part | median | at most | waited, seconds |
|---|---|---|---|
";

pub(super) const BUSY: &str = "
**The machine was not quiet: other programs used more than a tenth of the CPU. Take times and rates as an indication only; counts of allocations and of round trips, and bytes, are unaffected.**
";
