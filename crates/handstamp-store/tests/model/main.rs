//! The invalidation protocol as a model, checked in every state that it can reach.
//!
//! It consists of one session in one store; nodes with their cache entry, their loads and saves in flight, their tickets, subscriptions and
//! fences; and a clock that ticks at any time. Every step can be late: the reply to a load or to a save, and a message. One subscription
//! delivers in order; there is no order between two subscriptions, and between a subscription and replies of the store. A message is lost
//! if there is no subscription when it is published, if the subscription breaks before it is delivered, or if the subscription is silent,
//! which only a fence detects. Everything that a node could serve in a state counts as served, so that a read is no step of its own.
//!
//! The model leaves out several sessions, eviction and expiry, the TTL of an entry, errors and timeouts of the store, failovers, a
//! subscription for each primary, `CacheClear`, and a load that is rejected twice. A node receives the message of its own logout like any
//! other message. Loads are not shared, so there can be more of them at a time than in a node. A fence is at the store as soon as it is
//! sent, which makes the cache fresh for longer than it is.
//!
//! The state of a node depends on other nodes only through the store. So one node among any writers stands for all nodes; the model of two
//! nodes, which has deletes only, checks that. The scopes are small: up to two revisions, and up to two broken subscriptions.

mod node;
mod properties;
mod protocol;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use self::properties::{
    A_DELETION_MEETS_A_FILL, A_SAVE_IS_REJECTED, GONE_IS_CACHED, NEVER_GOES_BACK, OUTDATED_WITHIN_THE_BOUND,
    SERVES_AFTER_A_GAP, SILENCE_IS_NOTICED, STALENESS_IS_BOUNDED, STAYS_DELETED, TWO_NODES_DIFFER,
};
use self::protocol::Protocol;

/// One node; others only write to the store.
const ONE_NODE: Protocol = Protocol {
    ticket: true,
    revision_check: true,
    fence: true,
    flush_on_resubscribe: true,
    later_stays: true,
    nodes: 1,
    saves_elsewhere: true,
    fills: 1,
    revisions: 2,
    gaps: 2,
    max_staleness: 2,
};

/// Two nodes, and a logout.
const TWO_NODES: Protocol =
    Protocol { nodes: 2, saves_elsewhere: false, revisions: 1, gaps: 1, max_staleness: 1, ..ONE_NODE };

const ALWAYS: [&str; 3] = [STAYS_DELETED, STALENESS_IS_BOUNDED, NEVER_GOES_BACK];

#[test]
fn one_node_among_any_writers_keeps_the_promises() {
    let reached = [
        OUTDATED_WITHIN_THE_BOUND,
        A_DELETION_MEETS_A_FILL,
        A_SAVE_IS_REJECTED,
        SILENCE_IS_NOTICED,
        SERVES_AFTER_A_GAP,
    ];
    holds(ONE_NODE, &reached);
}

#[test]
fn two_loads_at_a_time_keep_the_promises() {
    holds(Protocol { fills: 2, gaps: 1, ..ONE_NODE }, &[A_DELETION_MEETS_A_FILL, GONE_IS_CACHED]);
}

#[test]
fn two_nodes_keep_the_promises() {
    holds(TWO_NODES, &[TWO_NODES_DIFFER, A_DELETION_MEETS_A_FILL, SILENCE_IS_NOTICED, SERVES_AFTER_A_GAP]);
}

#[test]
fn without_tickets_a_fill_brings_a_deleted_session_back() {
    breaks(Protocol { ticket: false, ..ONE_NODE }, STAYS_DELETED);
}

#[test]
fn without_the_revision_check_a_save_brings_a_deleted_session_back() {
    breaks(Protocol { revision_check: false, ..ONE_NODE }, STAYS_DELETED);
}

#[test]
fn without_fences_a_silent_subscription_is_trusted_for_ever() {
    breaks(Protocol { fence: false, ..ONE_NODE }, STALENESS_IS_BOUNDED);
}

#[test]
fn without_the_flush_a_new_subscription_keeps_stale_entries() {
    breaks(Protocol { flush_on_resubscribe: false, ..ONE_NODE }, STALENESS_IS_BOUNDED);
}

#[test]
fn without_keeping_the_later_reply_a_node_goes_back() {
    breaks(Protocol { later_stays: false, ..ONE_NODE }, NEVER_GOES_BACK);
}

/// Checks that all properties hold in all states, and that states as in `reached` are among them.
#[track_caller]
fn holds(protocol: Protocol, reached: &[&'static str]) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    ALWAYS.iter().for_each(|property| checker.assert_no_discovery(property));
    for property in reached {
        checker.assert_any_discovery(property);
    }
}

#[track_caller]
fn breaks(protocol: Protocol, property: &'static str) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = protocol.checker().threads(2).finish_when(found).spawn_bfs().join();
    checker.assert_any_discovery(property);
}
