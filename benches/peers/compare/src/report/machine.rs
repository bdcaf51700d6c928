use crate::results::Results;

/// Where, when and with what these results were measured.
pub(super) fn section<T>(results: &Results<T>) -> String {
    let machine = &results.machine;
    format!(
        "\nMeasured by `{}` on {}, commit {}: {}, {}, {}, {}, {}. Packages: {}.\n",
        results.command,
        machine.date.trim(),
        machine.commit,
        machine.cpu,
        machine.kernel,
        machine.rustc,
        machine.redis,
        machine.wrk,
        machine.packages.join(", "),
    )
}
