//! Without any one of the rules, a property is violated.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::properties::{
    LOGIN_IS_NEVER_REJECTED, LOGIN_PERSISTS, LOGOUT_IS_FINAL, LOGOUT_PERSISTS, ONLY_LOGOUT_ENDS,
    PLANTED_ID_GIVES_NOTHING,
};
use crate::protocol::{LoginOnMoved, Outlives, Protocol, RepeatedAs};
use crate::request::Intent;
use crate::{FAILOVER, FAULT, LOGINS, PLANTED, PROTOCOL, RENEWALS};

#[test]
fn without_tombstones_of_renewals_a_logout_misses_the_successor() {
    breaks(Protocol { renewals_leave_tombstones: false, ..PROTOCOL }, LOGOUT_IS_FINAL);
}

#[test]
fn without_tombstones_of_renewals_a_late_change_undoes_a_login() {
    breaks(Protocol { renewals_leave_tombstones: false, ..PROTOCOL }, LOGIN_PERSISTS);
}

#[test]
fn without_tombstones_of_deletes_a_late_change_undoes_a_login() {
    breaks(Protocol { deletes_leave_tombstones: false, ..PROTOCOL }, LOGIN_PERSISTS);
}

#[test]
fn without_following_tombstones_a_logout_misses_the_successor() {
    breaks(Protocol { end_follows: false, ..PROTOCOL }, LOGOUT_IS_FINAL);
}

#[test]
fn without_following_tombstones_a_late_renewal_undoes_a_logout() {
    breaks(Protocol { end_follows: false, ..PROTOCOL }, LOGOUT_PERSISTS);
}

#[test]
fn if_erase_follows_tombstones_a_renewal_ends_the_session() {
    breaks(Protocol { only_end_follows: false, ..PROTOCOL }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_erase_follows_tombstones_a_failover_ends_the_session() {
    breaks(Protocol { only_end_follows: false, requests: 1, ..FAILOVER }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_a_replacement_is_repeated_as_a_logout_a_failover_ends_the_session() {
    breaks(Protocol { replacement_is_repeated: RepeatedAs::End, ..FAILOVER }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_a_replacement_is_repeated_as_an_erase_a_logout_misses_the_successor() {
    breaks(Protocol { replacement_is_repeated: RepeatedAs::Erase, ..FAILOVER }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_confirmed_logout_is_repeated_as_one_a_failover_ends_another_session() {
    breaks(Protocol { confirmed_end_is_repeated_as_erase: false, ..FAILOVER }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_a_delete_is_not_repeated_because_its_outcome_is_remembered_late_a_failover_undoes_it() {
    breaks(Protocol { late_outcome_is_repeated: false, ..FAILOVER }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_tombstone_outlives_no_replacement_a_late_one_ends_the_session() {
    breaks(Protocol { tombstone_outlives: Outlives::None, ..FAULT }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_a_tombstone_outlives_only_its_own_replacement_a_late_one_ends_the_session() {
    breaks(Protocol { tombstone_outlives: Outlives::ItsOwnReplacement, ..FAULT }, ONLY_LOGOUT_ENDS);
}

#[test]
fn without_predecessors_a_logout_misses_the_old_id() {
    breaks(Protocol { record_names_predecessor: false, ..FAULT }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_renewal_leaves_the_predecessor_a_logout_misses_it() {
    breaks(Protocol { renewal_erases_predecessor: false, ..RENEWALS }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_renewal_ignores_that_the_predecessor_has_ended_it_undoes_the_logout() {
    breaks(Protocol { renewal_stops_if_ended: false, ..RENEWALS }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_renewal_ignores_that_the_predecessor_has_ended_the_logout_undoes_a_login() {
    breaks(Protocol { renewal_stops_if_ended: false, ..LOGINS }, LOGIN_PERSISTS);
}

#[test]
fn if_a_repeated_replacement_ignores_a_logout_the_successor_stays() {
    breaks(Protocol { late_replacement_ends_successor: false, ..FAILOVER }, LOGOUT_IS_FINAL);
}

#[test]
fn if_a_renewal_ends_the_session_when_its_record_is_lost_a_failover_does() {
    breaks(Protocol { lost_successor_keeps_session: false, ..FAILOVER }, ONLY_LOGOUT_ENDS);
}

#[test]
fn if_late_changes_create_sessions_one_undoes_a_login() {
    breaks(Protocol { late_changes_are_rejected: false, ..PROTOCOL }, LOGIN_PERSISTS);
}

#[test]
fn if_any_request_removes_the_cookie_of_a_dead_session_a_late_read_undoes_a_login() {
    let intents = &[Intent::Read, Intent::Login];
    breaks(Protocol { only_logout_removes_cookie: false, intents, ..PROTOCOL }, LOGIN_PERSISTS);
}

#[test]
fn if_a_login_follows_tombstones_a_planted_id_gives_access() {
    breaks(Protocol { login_on_moved: LoginOnMoved::Follows, ..PLANTED }, PLANTED_ID_GIVES_NOTHING);
}

#[test]
fn if_a_login_needs_the_old_session_it_is_rejected() {
    breaks(Protocol { login_on_moved: LoginOnMoved::IsRejected, ..PROTOCOL }, LOGIN_IS_NEVER_REJECTED);
}

#[test]
fn if_a_failed_logout_is_retried_from_the_first_id_it_misses_the_successor() {
    breaks(Protocol { failed_end_resumes: false, ..FAULT }, LOGOUT_IS_FINAL);
}

/// Checks that the protocol violates the property.
#[track_caller]
fn breaks(protocol: Protocol, property: &'static str) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    protocol.checker().finish_when(found).spawn_bfs().join().assert_any_discovery(property);
}
