//! What must always hold, and what must be reached for that to mean anything.

use stateright::Property;

use crate::node::{Delivery, Found, Node, Outcome};
use crate::protocol::{Cluster, Protocol};

// P2
pub(crate) const STAYS_DELETED: &str = "a deleted session stays deleted";
// P3
pub(crate) const STALENESS_IS_BOUNDED: &str =
    "nothing is served that was replaced `max_staleness` ago or earlier";
pub(crate) const NEVER_GOES_BACK: &str = "no node serves an older result after a later one";

pub(crate) const OUTDATED_WITHIN_THE_BOUND: &str = "a stale copy is served within the bound";
pub(crate) const TWO_NODES_DIFFER: &str = "one node serves the session, another that it is gone";
pub(crate) const A_DELETION_MEETS_A_FILL: &str =
    "the message of a delete is in flight to a node that has an earlier reply";
pub(crate) const A_SAVE_IS_REJECTED: &str = "a save is rejected";
pub(crate) const SILENCE_IS_NOTICED: &str = "only the fence prevents that a stale copy is served";
pub(crate) const SERVES_AFTER_A_GAP: &str = "a copy is served after a gap";
pub(crate) const GONE_IS_CACHED: &str = "the cache has the entry that the session is gone";

pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(STAYS_DELETED, |protocol, cluster: &Cluster| {
            !cluster.store.deleted
                || (cluster.store.record == Found::Absent && serves_nothing_too_old(protocol, cluster))
        }),
        Property::always(STALENESS_IS_BOUNDED, serves_nothing_too_old),
        Property::always(NEVER_GOES_BACK, |_, cluster: &Cluster| {
            !cluster.nodes.iter().any(|node| node.went_back)
        }),
        Property::sometimes(OUTDATED_WITHIN_THE_BOUND, |protocol, cluster: &Cluster| {
            served(protocol, cluster).any(|found| cluster.store.outdated_for(found) > 0)
        }),
        Property::sometimes(TWO_NODES_DIFFER, |protocol, cluster: &Cluster| {
            served(protocol, cluster).any(|found| found == Found::Absent)
                && served(protocol, cluster).any(|found| found != Found::Absent)
        }),
        Property::sometimes(A_DELETION_MEETS_A_FILL, |_, cluster: &Cluster| {
            cluster.nodes.iter().any(deletion_meets_fill)
        }),
        Property::sometimes(A_SAVE_IS_REJECTED, |_, cluster: &Cluster| {
            let rejected = Some(Outcome::Rejected);
            cluster.nodes.iter().any(|node| node.save.is_some_and(|save| save.outcome == rejected))
        }),
        Property::sometimes(SILENCE_IS_NOTICED, |protocol, cluster: &Cluster| {
            let too_old = |node: &Node| {
                node.entry.is_some_and(|found| cluster.store.outdated_for(found) >= protocol.max_staleness)
            };
            cluster.nodes.iter().any(|node| node.listens() && too_old(node))
        }),
        Property::sometimes(SERVES_AFTER_A_GAP, |protocol, cluster: &Cluster| {
            let serves = |node: &Node| node.served_from_cache(protocol).is_some() && !node.is_silent();
            cluster.gaps < protocol.gaps && cluster.nodes.iter().all(serves)
        }),
        Property::sometimes(GONE_IS_CACHED, |protocol, cluster: &Cluster| {
            served(protocol, cluster).any(|found| found == Found::Absent)
        }),
    ]
}

fn serves_nothing_too_old(protocol: &Protocol, cluster: &Cluster) -> bool {
    served(protocol, cluster).all(|found| cluster.store.outdated_for(found) < protocol.max_staleness)
}

fn served(protocol: &Protocol, cluster: &Cluster) -> impl Iterator<Item = Found> {
    cluster.nodes.iter().filter_map(|node| node.served_from_cache(protocol))
}

fn deletion_meets_fill(node: &Node) -> bool {
    let deletes = |delivery: &Delivery| *delivery == Delivery::Deleted;
    node.subscription.as_ref().is_some_and(|subscription| subscription.in_flight.iter().any(deletes))
        && node.fills.iter().any(|fill| matches!(fill.reply, Some(Found::Revision(_))))
}
