mod model;
mod tables;

use std::path::Path;

use subjects::{Error, Message};

use self::model::{Costs, Fleet, FleetTransport, Routing};
use super::measured::Measured;
use super::memory::each;
use super::plot::{Line, lines};
use crate::in_flight::FRED;
use crate::results::{Growth, MessageCost, Results};
use crate::statistics::median;

/// What is measured with few nodes, and computed for many.
pub(super) fn section(
    results: &Results<Growth>,
    measured: &Measured,
    folder: &Path,
) -> Result<String, Error> {
    let growth = &results.rows;
    let (low, busy) = (Costs::of(growth, false), Costs::of(growth, true));
    let of_node = measured
        .memory
        .iter()
        .flat_map(|memory| &memory.rows)
        .find(|row| row.subject.starts_with("handstamp"));
    let mut text = INTRODUCTION.to_owned();
    text += &tables::measured(growth);
    text += &tables::costs(&low, &busy);
    text += &tables::checks(growth, [&low, &busy]);
    text += &tables::messages(message_cost(measured));
    text += &tables::work([&low, &busy]);
    text += &tables::capacity(&busy);
    text += &tables::cheapest([&low, &busy]);
    text += &tables::memory(&growth.memory, of_node.map(each));
    text +=
        "\n![Work of Redis by nodes](growth-work.svg)\n\n![Writes a second by nodes](growth-capacity.svg)\n";
    let work = |fleet: &Fleet, transport| fleet.cores_per_primary(transport, &low);
    plot(
        &folder.join("growth-work.svg"),
        "Cores of the busiest of three primaries at 1,000 writes a second, with separate system calls, by nodes",
        work,
    )?;
    let capacity = |fleet: &Fleet, transport| fleet.capacity(transport, &busy);
    plot(
        &folder.join("growth-capacity.svg"),
        "Writes a second that three primaries can do, by nodes",
        capacity,
    )?;
    Ok(text)
}

/// What a message of another node costs a node, with its connection, in nanoseconds.
fn message_cost(measured: &Measured) -> Option<f64> {
    let costs = measured.invalidations.iter().flat_map(|results| &results.rows.costs);
    let wanted = |cost: &&MessageCost| {
        cost.subject == FRED && cost.message == Message::OfAnotherNode.label() && !cost.flood
    };
    costs.into_iter().find(wanted).map(|cost| median(&cost.nanoseconds))
}

/// A fleet with three primaries.
fn fleet(nodes: f64, routing: Routing) -> Fleet {
    Fleet { nodes, primaries: 3.0, sessions: 10_000.0, writes_per_second: 1_000.0, routing }
}

fn plot(file: &Path, title: &str, value: impl Fn(&Fleet, FleetTransport) -> f64) -> Result<(), Error> {
    let mut shown = Vec::new();
    for (routing, name) in [(Routing::Sticky, "sticky"), (Routing::Spread, "spread")] {
        for transport in FleetTransport::ALL {
            let point = |nodes: f64| (nodes, value(&fleet(nodes, routing), transport));
            let points = NODES.into_iter().map(point).collect();
            shown.push(Line { label: format!("{}, {name}", transport.label()), points });
        }
    }
    lines(file, title, &shown)
}

const NODES: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0];

const INTRODUCTION: &str = "
## Growth

What a fleet costs that does not fit on this machine: 1 to 1,000 nodes, 1,000 to 10,000,000 sessions, 1 to 100,000 writes a second. The work of the servers for one write, one message, one announcement
and one load was measured here, with real servers and up to some hundreds of real subscribers; the rest is arithmetic with these costs. Real nodes check the arithmetic below.

Assumptions: sessions and writes are spread evenly over the primaries. Between two writes of a session there are ten reads. *Sticky* means that all requests of a session go to one node, *spread* that
each goes to any node. Caches keep a session for 30 seconds, so a session that is used less often is in no cache when it is written. A node that has dropped a session loads it again when it is
read. *Sharded Pub/Sub* (`SPUBLISH`) would have a channel for each primary; handstamp does not have this transport, and the row shows what it would cost.
";
