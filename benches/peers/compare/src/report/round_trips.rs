use crate::results::{Results, RoundTrips};

/// What requests send to Redis.
pub(super) fn section(results: &Results<Vec<RoundTrips>>) -> String {
    let mut text = INTRODUCTION.to_owned();
    for row in &results.rows {
        let commands = row.commands.iter().map(|(command, calls)| format!("{command} {calls:.2}"));
        let commands = commands.collect::<Vec<_>>().join(", ");
        text += &format!("| {} | {} | {:.2} | {commands} |\n", row.subject, row.request, row.round_trips);
    }
    text
}

const INTRODUCTION: &str = "
## Redis round trips

How often Redis has read from the connections of the application for each request (`total_reads_processed` of `INFO`, one request at a time, less what it reads without
requests), and the commands that it has run (`INFO commandstats`). A script counts as `EVALSHA`; the commands that it runs inside the server are listed, too. For touches, which are spread over
seconds, the scripts are counted.

| Application | Request | round trips | commands |
|---|---|---|---|
";
