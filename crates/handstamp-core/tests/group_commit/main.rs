//! A model of the requests of one node that write to the same session, checked in every state that it can reach.
//!
//! Requests join in the order of their numbers, at any time. The code of the node decides what happens to them:
//! [`handstamp_core::protocol::group_commit`]. A save can conflict with one of another node, and fail; a request can stop waiting; the changes of one request
//! can panic, or lead to data that cannot be encoded; a leader can die, except while it waits for the end of a turn.

mod node;
mod properties;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use self::node::{Fault, Kind, Scope};
use self::properties::{
    ALWAYS, COMPLETE_WITHOUT_LEADER, CONFLICT_IS_RESOLVED, GROUP_IS_SAVED_ALONE, GROUP_LOSES_ONE,
    LEADER_DIES, NO_UPDATE_IS_LOST, ONE_AT_A_TIME, ONLY_THE_FAULTY_FAIL, SAVED_TOGETHER, TURN_AMONG_SAVES,
};

/// Saves, and one exclusive turn.
const SCOPE: Scope = Scope {
    requests: &[Kind::Save, Kind::Save, Kind::Exclusive, Kind::Save, Kind::Save],
    fault: Fault::None,
    failures: 1,
    others: 1,
    leaves: 1,
    deaths: 0,
    abort_fails_queue: true,
    turn_is_awaited: true,
    queue_is_kept: true,
    conflict_is_reloaded: true,
    group_is_split: true,
};

/// A group of three saves or less.
const SAVES: Scope =
    Scope { requests: &[Kind::Save, Kind::Save, Kind::Save, Kind::Save, Kind::Exclusive], ..SCOPE };

#[test]
fn saves_and_a_turn() {
    holds(SCOPE, &[SAVED_TOGETHER, CONFLICT_IS_RESOLVED, TURN_AMONG_SAVES]);
}

#[test]
fn a_leader_that_dies() {
    holds(Scope { deaths: 2, ..SCOPE }, &[SAVED_TOGETHER, LEADER_DIES, TURN_AMONG_SAVES]);
}

#[test]
fn changes_that_panic() {
    holds(Scope { fault: Fault::Panics(2), ..SAVES }, &[SAVED_TOGETHER, GROUP_LOSES_ONE]);
}

#[test]
fn data_that_cannot_be_encoded() {
    holds(Scope { fault: Fault::Unencodable(2), ..SAVES }, &[SAVED_TOGETHER, GROUP_IS_SAVED_ALONE]);
}

#[test]
fn if_a_leader_that_dies_leaves_its_queue_requests_wait_for_ever() {
    breaks(Scope { deaths: 1, abort_fails_queue: false, ..SCOPE }, COMPLETE_WITHOUT_LEADER);
}

#[test]
fn if_a_leader_does_not_wait_for_the_end_of_a_turn_saves_meet_it() {
    breaks(Scope { turn_is_awaited: false, ..SCOPE }, ONE_AT_A_TIME);
}

#[test]
fn if_a_queue_forgets_its_leader_two_lead() {
    breaks(Scope { queue_is_kept: false, ..SCOPE }, ONE_AT_A_TIME);
}

#[test]
fn if_changes_are_not_made_on_the_reloaded_record_an_update_is_lost() {
    breaks(Scope { conflict_is_reloaded: false, ..SCOPE }, NO_UPDATE_IS_LOST);
}

#[test]
fn if_a_group_that_cannot_be_encoded_is_not_split_others_fail_with_the_faulty_save() {
    let fault = Fault::Unencodable(2);
    breaks(Scope { fault, failures: 0, group_is_split: false, ..SAVES }, ONLY_THE_FAULTY_FAIL);
}

/// Checks that all properties hold in all states, and that states as in `reached` are among them.
#[track_caller]
fn holds(scope: Scope, reached: &[&'static str]) {
    let checker = scope.checker().threads(2).spawn_bfs().join();
    ALWAYS.iter().for_each(|property| checker.assert_no_discovery(property));
    for property in reached {
        checker.assert_any_discovery(property);
    }
}

/// Checks that the property is violated.
#[track_caller]
fn breaks(scope: Scope, property: &'static str) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    scope.checker().finish_when(found).spawn_bfs().join().assert_any_discovery(property);
}
