//! A model of renewals, logouts and late requests, checked in every state that it can reach.
//!
//! It consists of one store, one visitor with one cookie jar, and an attacker that may have planted the visitor's first id. A request
//! carries the id that is in the jar when it begins, and takes a series of steps at the store. The code of the nodes decides which
//! step is next: [`plan`](handstamp_core::plan::plan), and the machines of [`handstamp_core::protocol`]. Responses arrive at any
//! time and in any order. Each request is on a node of its own, without a cache, without memory of deletes, and without other
//! requests for the same session. A reply can be lost: the step was taken or not, and the node either takes it once more, or goes on
//! without knowing. Once, the store can fail over to a replica that lacks the last writes, or none of
//! them if the nodes have only subscribed again. In either case, they repeat their deletes, each at any later time.
//!
//! There is no clock. A tombstone with a lifetime of 30 s can expire as soon as
//!
//! - all requests that were in flight when it was written have their responses,
//! - and no request is in flight that carries its id.
//!
//! This assumes that a request takes less than 15 s from when it is sent until its response arrives: a request with the old id was
//! sent before the response with the new id arrived, and that request was in flight when the tombstone was written. Background
//! work can take any time. A failover loses only writes of the last 30 s.
//!
//! The scopes are small: two or three requests of the visitor, one of the attacker, one or two lost replies, two lost writes.
//!
//! The model leaves out caches, invalidations, expiry of sessions, several sessions in one browser, changes from one subject to another
//! (for which a renewal cannot catch up), cookies that are issued again under another key, scripts that are run after the node has given
//! up, and a second failover.

mod history;
mod properties;
mod protocol;
mod renewal;
mod request;
mod rules;
mod script;
mod set;
mod store;
mod world;

use stateright::{Checker, Model};

use self::properties::{
    ALWAYS, FAILOVER_REVIVES, LATE_CHANGE_IS_REJECTED, LOGIN_LOSES_RACE, LOGOUT_ENDS_PREDECESSOR,
    LOGOUT_FOLLOWS, RENEWAL_CATCHES_UP, REPLACEMENT_IS_UNKNOWN,
};
use self::protocol::{LoginOnMoved, Outlives, Protocol, RepeatedAs, Start};
use self::request::Intent;

/// All rules, and no failures.
const PROTOCOL: Protocol = Protocol {
    renewals_leave_tombstones: true,
    deletes_leave_tombstones: true,
    end_follows: true,
    only_end_follows: true,
    replacement_is_repeated: RepeatedAs::Replacement,
    confirmed_end_is_repeated_as_erase: true,
    late_outcome_is_repeated: true,
    tombstone_outlives: Outlives::AnyReplacement,
    record_names_predecessor: true,
    renewal_erases_predecessor: true,
    renewal_stops_if_ended: true,
    late_replacement_ends_successor: true,
    lost_successor_keeps_session: true,
    late_changes_are_rejected: true,
    only_logout_removes_cookie: true,
    login_on_moved: LoginOnMoved::CreatesSession,
    failed_end_resumes: true,
    starts: &[Start::NoSession, Start::Planted, Start::LoggedIn],
    intents: &[Intent::Change, Intent::Login, Intent::Renew, Intent::Logout],
    requests: 3,
    attacks: 0,
    faults: 0,
    rejects: false,
    failover: false,
};

/// The attacker has planted the visitor's session, and makes one request.
const PLANTED: Protocol = Protocol { starts: &[Start::Planted], requests: 2, attacks: 1, ..PROTOCOL };

/// One reply is lost.
const FAULT: Protocol = Protocol { faults: 1, requests: 2, ..PROTOCOL };

/// One reply to a series of renewals and a logout is lost.
const RENEWALS: Protocol =
    Protocol { starts: &[Start::LoggedIn], intents: &[Intent::Renew, Intent::Logout], requests: 3, ..FAULT };

/// The same with logins.
const LOGINS: Protocol = Protocol { intents: &[Intent::Login, Intent::Logout], ..RENEWALS };

/// A replica becomes the primary.
const FAILOVER: Protocol = Protocol { failover: true, requests: 2, ..PROTOCOL };

#[test]
fn requests_in_any_order() {
    let reached = [LOGOUT_FOLLOWS, LOGIN_LOSES_RACE, RENEWAL_CATCHES_UP, LATE_CHANGE_IS_REJECTED];
    holds(PROTOCOL, &reached);
}

#[test]
fn a_planted_id() {
    holds(PLANTED, &[LOGOUT_FOLLOWS, LOGIN_LOSES_RACE]);
}

#[test]
fn a_lost_reply() {
    holds(FAULT, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn a_rejected_step() {
    holds(Protocol { rejects: true, ..FAULT }, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

/// Such as a renewal in the background whose retry is rejected.
#[test]
fn a_rejected_step_after_a_lost_reply() {
    let intents = &[Intent::Renew, Intent::Logout];
    let protocol = Protocol { rejects: true, faults: 2, requests: 2, intents, ..RENEWALS };
    holds(protocol, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn two_lost_replies() {
    holds(Protocol { faults: 2, ..FAULT }, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn a_lost_reply_and_several_renewals() {
    holds(RENEWALS, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn a_lost_reply_and_several_logins() {
    holds(LOGINS, &[LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn a_lost_reply_and_a_planted_id() {
    let intents = &[Intent::Login];
    holds(Protocol { faults: 1, intents, ..PLANTED }, &[LOGIN_LOSES_RACE, REPLACEMENT_IS_UNKNOWN]);
}

#[test]
fn a_failover() {
    holds(FAILOVER, &[FAILOVER_REVIVES, LOGOUT_FOLLOWS]);
}

#[test]
fn a_failover_and_several_renewals() {
    holds(Protocol { faults: 0, failover: true, ..RENEWALS }, &[FAILOVER_REVIVES, LOGOUT_FOLLOWS]);
}

#[test]
fn a_failover_and_a_lost_reply() {
    let reached = [FAILOVER_REVIVES, LOGOUT_ENDS_PREDECESSOR, REPLACEMENT_IS_UNKNOWN];
    holds(Protocol { faults: 1, ..FAILOVER }, &reached);
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
