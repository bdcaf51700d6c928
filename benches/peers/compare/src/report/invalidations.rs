use super::numbers::{decimal, rounded};
use crate::results::{Invalidations, Results};
use crate::statistics::{median, quantile};

/// How soon and at what cost invalidations arrive.
pub(super) fn section(results: &Results<Invalidations>) -> String {
    let mut text = LATENCIES.to_owned();
    for row in &results.rows.latencies {
        let quantiles = [&row.from_begin, &row.from_acknowledgement]
            .map(|times| [0.5, 0.99].map(|at| decimal(quantile(times, at))).join(" | "));
        text += &format!("| {} | {} |\n", row.subject, quantiles.join(" | "));
    }
    text += COSTS;
    for row in &results.rows.costs {
        text += &format!(
            "| {} | {} | {} | {} | {} to {} |\n",
            row.subject,
            row.message,
            if row.flood { "as fast as possible" } else { "one at a time" },
            rounded(median(&row.nanoseconds)),
            rounded(quantile(&row.nanoseconds, 0.25)),
            rounded(quantile(&row.nanoseconds, 0.75)),
        );
    }
    text += HANDLING;
    for row in &results.rows.handling {
        text += &format!(
            "| {} | {} | {} to {} |\n",
            row.message,
            rounded(median(&row.nanoseconds)),
            rounded(quantile(&row.nanoseconds, 0.25)),
            rounded(quantile(&row.nanoseconds, 0.75)),
        );
    }
    text
}

const LATENCIES: &str = "
## Invalidations

Microseconds from a write on one node until the session is gone from the cache of another node, and from a `PUBLISH` of as many bytes by a bare client until a bare subscriber has the
message. Both nodes, or publisher and subscriber, share a thread and its core; Redis has the other core. *From the begin* counts from the request, or from the call that publishes; *from the
acknowledgement* counts from the response, or from the reply to the call. The loop that waits is the same.

| | from the begin, p50 | p99 | from the acknowledgement, p50 | p99 |
|---|---|---|---|---|
";

const COSTS: &str = "
CPU time that a node spends on each message that it receives: all of the thread, from the socket to the cache. The bare subscriber counts the messages and does nothing else. The own messages of a node are below: it
recognizes each once, so they cannot be sent again and again.

| Receiver | Message | sent | ns CPU, median | middle half |
|---|---|---|---|---|
";

const HANDLING: &str = "
CPU time for each message that has arrived, without the connection: what a node does with it. A malformed message is rejected for its length, and shows what the loop costs. Fifty messages are handled
at a time.

| Message | ns CPU, median | middle half |
|---|---|---|
";
