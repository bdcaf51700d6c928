use super::NODES;
use super::model::{Costs, Fleet, FleetTransport, Routing};
use crate::report::numbers::{decimal, percent, rounded};
use crate::results::{Growth, ServerCost, ServerMemory};
use crate::statistics::{median, quantile};

/// What was measured.
pub(super) fn measured(growth: &Growth) -> String {
    let mut text = MEASURED.to_owned();
    for cost in growth.pubsub.iter().chain(&growth.tracking).chain(&growth.loads) {
        text += &format!(
            "| {} | {} | {} | {} | {} to {} | {} |\n",
            cost.name,
            decimal(median(&cost.receivers)),
            cost.in_flight,
            decimal(median(&cost.microseconds)),
            decimal(quantile(&cost.microseconds, 0.25)),
            decimal(quantile(&cost.microseconds, 0.75)),
            rounded(median(&cost.per_second)),
        );
    }
    text += CLUSTER;
    for cost in &growth.cluster {
        text += &format!(
            "| `{}` | {} | {} | {} |\n",
            cost.command,
            cost.subscribers,
            decimal(median(&cost.microseconds)),
            decimal(median(&cost.microseconds_elsewhere)),
        );
    }
    text
}

/// The costs that everything is computed from.
pub(super) fn costs(low: &Costs, busy: &Costs) -> String {
    let rows = [
        ("a write with Pub/Sub, without its messages", [low.save, busy.save]),
        ("its message, for each subscriber", [low.message, busy.message]),
        ("a write with tracking, without announcements", [low.tracked_save, busy.tracked_save]),
        ("an announcement, and the load that follows it", [low.announcement, busy.announcement]),
        ("a load that follows a message", [low.load, busy.load]),
        (
            "a message that another primary has forwarded, without subscribers",
            [low.forwarded, busy.forwarded],
        ),
    ];
    let row = |(name, costs): (&str, [f64; 2])| format!("| {name} | {} |\n", costs.map(decimal).join(" | "));
    COSTS.to_owned() + &rows.map(row).concat()
}

/// Real nodes against the model.
pub(super) fn checks(growth: &Growth, costs: [&Costs; 2]) -> String {
    let mut text = CHECKS.to_owned();
    for check in &growth.checks {
        let costs = costs[usize::from(check.in_flight > 1)];
        let computed = computed(check, costs);
        let measured = median(&check.microseconds);
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            check.name,
            check.in_flight,
            decimal(median(&check.receivers)),
            decimal(measured),
            decimal(computed),
            decimal(measured / computed),
        );
    }
    text
}

fn computed(check: &ServerCost, costs: &Costs) -> f64 {
    let receivers = median(&check.receivers);
    if check.name == FleetTransport::Tracking.label() {
        costs.tracked_save + receivers * costs.announcement
    } else {
        costs.save + receivers * costs.message
    }
}

/// Messages that a node receives in a second.
pub(super) fn messages(nanoseconds: Option<f64>) -> String {
    let mut text = MESSAGES.to_owned();
    for (primaries, transport, routing, name) in SERIES {
        let row = NODES
            .map(|nodes| decimal(fleet(nodes, primaries, 1_000.0, routing).messages_per_node(transport)));
        text += &format!("| {name} | {} |\n", row.join(" | "));
    }
    if let Some(cost) = nanoseconds {
        text += &format!(
            "\nA message of another node costs a node {} ns of CPU time (see *Invalidations*), so 1,000 messages a second take {} of a core.\n",
            rounded(cost),
            percent(cost / 1e6)
        );
    }
    text
}

/// Cores of the busiest primary.
pub(super) fn work(costs: [&Costs; 2]) -> String {
    let mut text = WORK.to_owned();
    for writes in WRITES {
        // Fewer rows: sticky sessions on three primaries take a third of the work on one server.
        for (primaries, transport, routing, name) in
            SERIES.into_iter().filter(|(_, _, routing, _)| *routing == Routing::Spread)
        {
            let row = NODES.map(|nodes| {
                let fleet = fleet(nodes, primaries, writes, routing);
                let [separate, together] = costs.map(|costs| fleet.cores_per_primary(transport, costs));
                let range = format!("{} to {}", cores(together.min(separate)), cores(separate.max(together)));
                if together.min(separate) > 1.0 { format!("**{range}**") } else { range }
            });
            text += &format!("| {} | {name} | {} |\n", rounded(writes), row.join(" | "));
        }
    }
    text
}

/// Less than a thousandth does not matter.
fn cores(value: f64) -> String {
    match value {
        value if value < 0.001 => "0".to_owned(),
        value if value < 1.0 => format!("{value:.3}"),
        value => decimal(value),
    }
}

/// Writes a second that the servers can do.
pub(super) fn capacity(costs: &Costs) -> String {
    let mut text = CAPACITY.to_owned();
    for (primaries, transport, routing, name) in SERIES {
        let row =
            NODES.map(|nodes| rounded(fleet(nodes, primaries, 1_000.0, routing).capacity(transport, costs)));
        text += &format!("| {name} | {} |\n", row.join(" | "));
    }
    text
}

/// The transport with the least work.
pub(super) fn cheapest(costs: [&Costs; 2]) -> String {
    let mut text = CHEAPEST.to_owned();
    for sessions in SESSIONS {
        for (routing, name) in [(Routing::Sticky, "sticky"), (Routing::Spread, "spread")] {
            // For sticky ones, the number of sessions makes no difference.
            if routing == Routing::Sticky && sessions > SESSIONS[0] {
                continue;
            }
            for primaries in [1.0, 3.0] {
                let row = NODES.map(|nodes| {
                    let fleet = Fleet { sessions, ..fleet(nodes, primaries, 1_000.0, routing) };
                    let work = |transport, costs| fleet.cores_per_primary(transport, costs);
                    let ratios = costs.map(|costs| {
                        work(FleetTransport::PubSub, costs) / work(FleetTransport::Tracking, costs)
                    });
                    let best = costs.map(|costs| fleet.cheapest(costs));
                    let name = if best[0] == best[1] { best[0].label() } else { "either" };
                    format!("{name} ({}; {})", decimal(ratios[0]), decimal(ratios[1]))
                });
                let sessions = if routing == Routing::Sticky { "any".to_owned() } else { rounded(sessions) };
                text += &format!("| {sessions} | {name} | {primaries} | {} |\n", row.join(" | "));
            }
        }
    }
    text
}

/// Memory of servers and nodes.
pub(super) fn memory(server: &ServerMemory, each_on_node: Option<f64>) -> String {
    let mut text = format!(
        "\n### Memory\n\nMeasured with {} sessions: a session takes {} bytes on the server, a subscriber {}; with tracking, a session that one node has read takes {} bytes more, and {} for each further node. A cached session takes {} bytes of \
         a node. Servers remember a million tracked keys by default (`tracking-table-max-keys`), and have nodes drop what is beyond.\n\n{MEMORY}",
        rounded(server.sessions as f64),
        rounded(server.each_session),
        rounded(server.each_subscriber),
        rounded(server.tracked_by_one),
        rounded(server.tracked_by_another),
        each_on_node.map_or_else(|| "(not measured)".to_owned(), rounded),
    );
    for sessions in SESSIONS {
        let megabytes = |bytes: f64| decimal(sessions * bytes / 1e6);
        let tracked = |nodes: f64| server.tracked_by_one + (nodes - 1.0) * server.tracked_by_another;
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            rounded(sessions),
            megabytes(server.each_session),
            megabytes(tracked(1.0)),
            megabytes(tracked(10.0)),
            each_on_node.map_or_else(|| "-".to_owned(), megabytes),
        );
    }
    text
}

fn fleet(nodes: f64, primaries: f64, writes_per_second: f64, routing: Routing) -> Fleet {
    // Busy ones: each is written every ten seconds.
    Fleet { nodes, primaries, sessions: 10.0 * writes_per_second, writes_per_second, routing }
}

const WRITES: [f64; 6] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
const SESSIONS: [f64; 5] = [1e3, 1e4, 1e5, 1e6, 1e7];

/// Primaries, transport and routing. With Pub/Sub, messages do not depend on where requests go.
const SERIES: [(f64, FleetTransport, Routing, &str); 7] = [
    (1.0, FleetTransport::PubSub, Routing::Spread, "Pub/Sub, 1 server"),
    (3.0, FleetTransport::PubSub, Routing::Spread, "Pub/Sub, 3 primaries"),
    (3.0, FleetTransport::ShardedPubSub, Routing::Spread, "sharded Pub/Sub, 3 primaries"),
    (1.0, FleetTransport::Tracking, Routing::Sticky, "tracking, sticky, 1 server"),
    (1.0, FleetTransport::Tracking, Routing::Spread, "tracking, spread, 1 server"),
    (3.0, FleetTransport::Tracking, Routing::Sticky, "tracking, sticky, 3 primaries"),
    (3.0, FleetTransport::Tracking, Routing::Spread, "tracking, spread, 3 primaries"),
];

const MEASURED: &str = "
### Measured costs

CPU time of the server for each write of a real node: with a number of subscribers; with tracking and a number of announcements, each followed by a load; and with subscribers that load a session after each
message. The load of the server without requests is subtracted.

| | receivers | in flight | server CPU, \u{b5}s | middle half | a second |
|---|---|---|---|---|---|
";

const CLUSTER: &str = "
Messages of 110 bytes in a cluster of three primaries, one at a time: CPU time of the primary that publishes, and of another one. The number of subscribers is that of each of both; a sharded channel has subscribers on its own primary only.

| Command | subscribers | \u{b5}s | \u{b5}s elsewhere |
|---|---|---|---|
";

const COSTS: &str = "
### Costs of the model

From the measured points, in microseconds of CPU time of the server. With one request in flight, each command and each message takes a system call of its own, and each load comes alone; with 32, several share one. An idle server works
as in the first column, a busy one as in the second, so the work below is given as a range, and the capacity is computed with the second.

| | one in flight | 32 in flight |
|---|---|---|
";

const CHECKS: &str = "
### Real nodes against the model

Twenty real nodes in one process, one of which writes: with Pub/Sub all of them receive each write; with tracking, one of
the other nodes reads the session after each write.

| | in flight | receivers | measured, \u{b5}s | computed, \u{b5}s | ratio |
|---|---|---|---|---|---|
";

const MESSAGES: &str = "
### Messages a second for each node

At 1,000 writes a second, by nodes, for sessions that are written every ten seconds each; messages are proportional to writes. With tracking, each write is announced to the node that writes and to those that have the session in their
cache.

| Invalidations | 1 | 3 | 10 | 30 | 100 | 300 | 1,000 |
|---|---|---|---|---|---|---|---|
";

const WORK: &str = "
### Work of Redis

Cores that the busiest primary needs, by nodes, for the same sessions, whose requests go to any node: writes, messages and the loads that follow them. The lower bound is for commands
and messages that share system calls, as on a busy server, and the upper one for separate ones. A server has one core for commands: more than one is more than it can do (in bold).

| Writes a second | Invalidations | 1 | 3 | 10 | 30 | 100 | 300 | 1,000 |
|---|---|---|---|---|---|---|---|---|
";

const CAPACITY: &str = "
### Writes a second at most

When the busiest primary is fully busy, by nodes.

| Invalidations | 1 | 3 | 10 | 30 | 100 | 300 | 1,000 |
|---|---|---|---|---|---|---|---|
";

const CHEAPEST: &str = "
### Which transport costs the servers least

At 1,000 writes a second, by nodes. In brackets: the work with Pub/Sub as a multiple of that with tracking, for separate system calls and for shared ones; *either* means that the two disagree about the best. Sharded Pub/Sub with one
primary is the same as Pub/Sub.

| Sessions | Requests | Primaries | 1 | 3 | 10 | 30 | 100 | 300 | 1,000 |
|---|---|---|---|---|---|---|---|---|---|
";

const MEMORY: &str = "Megabytes:

| Sessions | servers | more with tracking, each read by one node | each read by ten nodes | a node with all of them in its cache |
|---|---|---|---|---|
";
