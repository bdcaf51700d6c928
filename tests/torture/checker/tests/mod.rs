//! For each rule, a history that breaks it, and similar ones that do not.

mod jar;
mod late;

use super::*;
use crate::history::{Answer, Call, Label, Operation, Outcome, SetCookie};
use crate::slots::Part;

const BOUND: Duration = Duration::from_secs(2);

/// A history that begins with a login on node 0, from second 0 to 1, which gives cookie 0.
fn history(calls: impl IntoIterator<Item = Call>) -> History {
    let calls = std::iter::once(login(0, 0, 0)).chain(calls).collect();
    // The cookies' sessions lie in slots of the same numbers.
    History { username: "ada".to_owned(), calls, slots: (0..10).collect() }
}

/// A call with cookie `label` on process 1 of `node`, by an actor of the node's number, which takes a second.
fn call(operation: Operation, label: Label, node: usize, second: u64, answer: Answer) -> Call {
    Call {
        actor: node,
        node,
        process: Some(1),
        cookie: Some(label),
        operation,
        start: Duration::from_secs(second),
        end: Duration::from_secs(second + 1),
        outcome: Outcome::Done(answer),
        set_cookie: SetCookie::Nothing,
    }
}

fn named() -> Answer {
    Answer { username: Some("ada".to_owned()), ..Answer::default() }
}

fn visits(visits: u64) -> Answer {
    Answer { visits: Some(visits), ..Answer::default() }
}

fn visit(label: Label, node: usize, second: u64, count: u64) -> Call {
    call(Operation::Visit, label, node, second, visits(count))
}

fn read(label: Label, node: usize, second: u64, count: u64) -> Call {
    let answer = Answer { username: Some("ada".to_owned()), ..visits(count) };
    call(Operation::Read, label, node, second, answer)
}

/// A read that shows no name.
fn anonymous_read(label: Label, node: usize, second: u64, count: u64) -> Call {
    call(Operation::Read, label, node, second, visits(count))
}

/// A write without a login, whose answer leaves the jar alone.
fn note(label: Option<Label>, node: usize, second: u64) -> Call {
    Call { cookie: label, ..call(Operation::Note, 0, node, second, Answer::default()) }
}

fn login(to: Label, node: usize, second: u64) -> Call {
    Call { cookie: None, ..call(Operation::Login, to, node, second, named()) }.and(SetCookie::Gives(to))
}

fn renewal(from: Label, to: Label, node: usize, second: u64) -> Call {
    call(Operation::Renew, from, node, second, named()).and(SetCookie::Gives(to))
}

/// A renewal that was answered with an error, and a cookie all the same.
fn uncertain_renewal(from: Label, to: Label, node: usize, second: u64) -> Call {
    renewal(from, to, node, second).but(Outcome::Failed(503)).and(SetCookie::Gives(to))
}

fn logout(label: Label, node: usize, second: u64) -> Call {
    call(Operation::Logout, label, node, second, Answer::default()).and(SetCookie::Removes)
}

/// A call that takes from one second to another.
fn from_to(start: u64, end: u64, call: Call) -> Call {
    Call { start: Duration::from_secs(start), end: Duration::from_secs(end), ..call }
}

trait But {
    /// The same call with this outcome, which leaves the jar alone.
    fn but(self, outcome: Outcome) -> Self;

    /// The same call with a response that changes the jar like this.
    fn and(self, set_cookie: SetCookie<Label>) -> Self;
}

impl But for Call {
    fn but(self, outcome: Outcome) -> Self {
        Self { outcome, set_cookie: SetCookie::Nothing, ..self }
    }

    fn and(self, set_cookie: SetCookie<Label>) -> Self {
        Self { set_cookie, ..self }
    }
}

#[track_caller]
fn assert_good(calls: impl IntoIterator<Item = Call>) {
    assert_eq!(check(&history(calls), BOUND, &[]).violations, []);
}

/// The calls are numbered from 1: the login is number 0.
#[track_caller]
fn assert_bad(expected: &[(Rule, usize)], calls: impl IntoIterator<Item = Call>) {
    let violations = check(&history(calls), BOUND, &[]).violations;
    let found: Vec<_> = violations.iter().map(|violation| (violation.rule, violation.call)).collect();
    assert_eq!(found, expected, "{violations:#?}");
}

#[test]
fn a_whole_life_is_good() {
    assert_good([
        read(0, 1, 1, 0),
        visit(0, 1, 2, 1),
        visit(0, 2, 4, 2),
        read(0, 0, 7, 2),
        renewal(0, 1, 1, 9),
        read(0, 2, 10, 2),
        visit(1, 2, 11, 3),
        read(1, 0, 14, 3),
        logout(1, 0, 16),
        read(1, 1, 18, 3),
        read(1, 0, 19, 0).but(Outcome::Refused),
        read(0, 1, 20, 0).but(Outcome::Refused),
    ]);
}

#[test]
fn a_missing_update_is_seen_after_the_bound() {
    assert_good([visit(0, 0, 1, 1), read(0, 1, 3, 0)]);
    assert_good([visit(0, 0, 1, 1), read(0, 1, 4, 0)]);
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 0, 1, 1), read(0, 1, 5, 0)]);
    assert_bad(&[(Rule::LostUpdate, 3)], [visit(0, 0, 1, 1), visit(0, 1, 1, 1), read(0, 1, 5, 1)]);
}

#[test]
fn a_missing_update_is_seen_at_once_where_it_was_made() {
    assert_good([visit(0, 1, 1, 1), Call { process: None, ..read(0, 1, 3, 0) }]);
    assert_good([visit(0, 1, 1, 1), Call { process: Some(3), ..read(0, 1, 3, 0) }]);
    let other_actor = |read| Call { actor: 7, ..read };
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 1, 1, 1), other_actor(read(0, 1, 3, 0))]);
}

#[test]
fn an_update_tells_what_was_there_before() {
    assert_good([visit(0, 0, 1, 1), visit(0, 1, 5, 2)]);
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 0, 1, 1), visit(0, 1, 5, 1)]);
}

#[test]
fn an_update_of_unknown_outcome_may_be_there_or_not() {
    for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
        for shown in [0, 1] {
            assert_good([visit(0, 0, 1, 1).but(outcome.clone()), read(0, 1, 9, shown)]);
        }
    }
}

#[test]
fn an_update_under_way_may_be_there_already() {
    let slow = Call { end: Duration::from_secs(9), ..visit(0, 0, 1, 1) };
    assert_good([read(0, 1, 2, 1), slow.clone()]);
    assert_good([read(0, 1, 2, 0), slow]);
}

#[test]
fn updates_that_nobody_asked_for_are_seen() {
    assert_bad(&[(Rule::PhantomUpdate, 1)], [read(0, 1, 5, 1)]);
    assert_bad(&[(Rule::PhantomUpdate, 1)], [read(0, 1, 2, 1), visit(0, 0, 5, 1)]);
}

#[test]
fn a_refused_update_is_not_made() {
    for outcome in [Outcome::Refused, Outcome::Conflict] {
        let refused = visit(0, 0, 2, 0).but(outcome);
        assert_good([renewal(0, 1, 1, 1), refused.clone(), read(1, 1, 5, 0)]);
        assert_bad(&[(Rule::PhantomUpdate, 3)], [renewal(0, 1, 1, 1), refused, read(1, 1, 5, 1)]);
    }
}

#[test]
fn going_backwards_is_seen() {
    let on = |node, process, read| Call { node, process: Some(process), ..read };
    let [visited, read_one, read_none] = [visit(0, 0, 1, 1), read(0, 1, 2, 1), read(0, 1, 3, 0)];
    assert_bad(&[(Rule::Backwards, 3)], [visited.clone(), read_one.clone(), read_none.clone()]);
    assert_good([visited.clone(), on(2, 1, read_one.clone()), read_none.clone()]);
    assert_good([visited.clone(), on(1, 3, read_one.clone()), read_none.clone()]);
    assert_good([visited, Call { actor: 7, ..read_one }, read_none]);
}

#[test]
fn a_session_is_not_served_after_its_end() {
    for ending in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
        assert_good([ending.clone(), read(0, 1, 4, 0)]);
        assert_bad(&[(Rule::Stale, 2)], [ending.clone(), read(0, 1, 5, 0)]);
        assert_good([ending.clone(), read(0, 0, 2, 0)]);
        assert_bad(&[(Rule::Stale, 2)], [ending.clone(), read(0, 0, 3, 0)]);
        for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
            assert_good([ending.clone().but(outcome), read(0, 0, 9, 0)]);
        }
    }
}

#[test]
fn an_ended_session_takes_no_update() {
    assert_good([logout(0, 0, 2), Call { start: Duration::from_secs(2), ..visit(0, 1, 2, 1) }]);
    assert_bad(&[(Rule::Resurrected, 2)], [logout(0, 0, 1), visit(0, 1, 3, 1)]);
    assert_bad(&[(Rule::Resurrected, 2)], [renewal(0, 1, 0, 1), visit(0, 1, 3, 1)]);
}

#[test]
fn an_ended_session_does_not_come_back_by_a_renewal() {
    let ended = [visit(0, 0, 1, 1), logout(0, 0, 2), renewal(0, 1, 1, 4)];
    assert_good(ended.clone().into_iter().chain([read(1, 1, 6, 0), visit(1, 1, 7, 1), read(1, 1, 9, 1)]));
    assert_bad(&[(Rule::Resurrected, 3)], ended.into_iter().chain([read(1, 1, 6, 1)]));
}

#[test]
fn of_two_renewals_one_moves_the_session() {
    let begun = [visit(0, 0, 1, 1), renewal(0, 1, 1, 4), renewal(0, 2, 2, 4)];
    for one_moved in [[0, 1], [1, 0]] {
        let reads = [read(1, 1, 6, one_moved[0]), read(2, 2, 6, one_moved[1])];
        assert_good(begun.clone().into_iter().chain(reads));
    }
    let both_moved = [read(1, 1, 6, 1), read(2, 2, 6, 1)];
    assert_bad(&[(Rule::Forked, 3)], begun.clone().into_iter().chain(both_moved));
    let none_moved = [read(1, 1, 6, 0), read(2, 2, 6, 0)];
    assert_bad(&[(Rule::LostUpdate, 2)], begun.into_iter().chain(none_moved));
}

#[test]
fn a_renewal_keeps_what_was_there() {
    let ended = [visit(0, 0, 1, 1), renewal(0, 1, 1, 2)];
    assert_good(ended.clone().into_iter().chain([read(1, 2, 5, 1)]));
    assert_bad(&[(Rule::LostUpdate, 3)], ended.into_iter().chain([read(1, 2, 5, 0)]));
}

#[test]
fn after_a_renewal_of_unknown_outcome_everything_may_be_new() {
    assert_good([
        visit(0, 0, 1, 1),
        renewal(0, 1, 1, 2).but(Outcome::Unknown),
        renewal(0, 1, 1, 5),
        read(1, 2, 9, 0),
    ]);
}

#[test]
fn another_users_name_is_seen() {
    let mut stolen = read(0, 1, 1, 0);
    stolen.outcome = Outcome::Done(Answer { username: Some("eve".to_owned()), ..visits(0) });
    assert_bad(&[(Rule::OtherUser, 1)], [stolen]);
}

#[test]
fn nobody_is_logged_out_by_an_outage() {
    let refused = read(0, 1, 9, 0).but(Outcome::Refused);
    assert_bad(&[(Rule::LoggedOut, 1)], [refused.clone()]);
    for ending in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
        assert_good([ending.clone(), refused.clone()]);
        assert_good([ending.but(Outcome::Unknown), refused.clone()]);
    }
    assert_good([logout(0, 0, 1).but(Outcome::Failed(503)), refused.clone()]);
    let failed = renewal(0, 1, 0, 1).but(Outcome::Failed(503));
    assert_bad(&[(Rule::LostInRenewal, 2)], [failed, refused.clone()]);
    // The end came later.
    assert_bad(&[(Rule::LoggedOut, 1)], [refused, logout(0, 0, 11)]);
}

#[test]
fn only_known_errors_are_expected() {
    assert_good([read(0, 1, 1, 0).but(Outcome::Failed(503))]);
    assert_bad(&[(Rule::Unexpected, 1)], [read(0, 1, 1, 0).but(Outcome::Failed(500))]);
    // A cookie from before is no reason to refuse a login or a logout.
    for outcome in [Outcome::Refused, Outcome::Conflict] {
        for before in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
            for late in [renewal(0, 2, 0, 3), logout(0, 0, 3)] {
                assert_good([before.clone(), late.clone()]);
                assert_bad(&[(Rule::Unexpected, 2)], [before.clone(), late.but(outcome.clone())]);
            }
        }
    }
}

#[test]
fn a_login_gives_up_only_where_others_keep_changing_the_session() {
    let conflict = renewal(0, 1, 0, 3).but(Outcome::Conflict);
    assert_bad(&[(Rule::Unexpected, 1)], [conflict.clone()]);
    for write in [visit(0, 1, 3, 1), note(Some(0), 1, 3), visit(0, 1, 1, 0).but(Outcome::Unknown)] {
        assert_good([write, conflict.clone()]);
    }
    for other in [visit(0, 1, 1, 1), read(0, 1, 3, 0), visit(0, 1, 3, 0).but(Outcome::Conflict)] {
        assert_bad(&[(Rule::Unexpected, 2)], [other, conflict.clone()]);
    }
    let refused = conflict.but(Outcome::Refused);
    assert_bad(&[(Rule::Unexpected, 2), (Rule::LoggedOut, 2)], [visit(0, 1, 3, 1), refused]);
}

/// A renewal that was answered with an error and a cookie: the session is there under that, and moves when it can.
#[test]
fn a_session_on_its_way_is_there_under_its_new_cookie() {
    let uncertain = uncertain_renewal(0, 1, 0, 3);
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), read(1, 1, 9, 1)]);
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), read(0, 1, 4, 1), read(0, 1, 9, 1)]);
    let refused = read(1, 1, 9, 0).but(Outcome::Refused);
    assert_bad(&[(Rule::LoggedOut, 3)], [visit(0, 0, 1, 1), uncertain.clone(), refused.clone()]);
    // A logout under the old cookie ends it under both.
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), logout(0, 1, 4), refused]);
    // Updates from before must be there; later ones under the old cookie may follow.
    assert_bad(&[(Rule::LostUpdate, 3)], [visit(0, 0, 1, 1), uncertain.clone(), read(1, 1, 9, 0)]);
    assert_good([visit(0, 0, 1, 1), uncertain, visit(0, 1, 4, 2), read(1, 1, 9, 1)]);
}

/// Slot 0 had a failover: updates acknowledged from second 3 to 5 may be lost.
fn after_failover(calls: impl IntoIterator<Item = Call>) -> (Vec<(Rule, usize)>, u64, u64) {
    let time = Duration::from_secs(3)..Duration::from_secs(5);
    let doubts = [Doubt { part: Part::new(vec![0..=0]), time }];
    let Findings { violations, uncertain, lost, .. } = check(&history(calls), BOUND, &doubts);
    (violations.iter().map(|violation| (violation.rule, violation.call)).collect(), uncertain, lost)
}

#[test]
fn an_update_just_before_a_failover_may_be_lost() {
    let seen = [visit(0, 0, 1, 1), visit(0, 0, 4, 2)];
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 1, 9, 2)])), (vec![], 1, 0));
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 1, 9, 1)])), (vec![], 1, 1));
    // Also for a reader that has seen it, and on the node where it was made.
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 0, 9, 1)])), (vec![], 1, 1));
    // But that one, and no other.
    let none = seen.into_iter().chain([read(0, 1, 9, 0)]);
    assert_eq!(after_failover(none), (vec![(Rule::LostUpdate, 3)], 1, 2));
}

#[test]
fn an_update_at_another_time_or_place_may_not_be_lost() {
    for second in [1, 6] {
        let calls = [visit(0, 0, second, 1), read(0, 1, 12, 0)];
        assert_eq!(after_failover(calls), (vec![(Rule::LostUpdate, 2)], 0, 1));
    }
    let elsewhere = [renewal(0, 1, 0, 1), visit(1, 0, 4, 1), read(1, 1, 9, 0)];
    assert_eq!(after_failover(elsewhere), (vec![(Rule::LostUpdate, 3)], 0, 1));
}

/// It is no more than uncertain, so nothing makes up for it.
#[test]
fn an_uncertain_update_is_not_made_twice() {
    let twice = [visit(0, 0, 4, 1), read(0, 1, 9, 2)];
    assert_eq!(after_failover(twice), (vec![(Rule::PhantomUpdate, 2)], 1, 0));
}

#[test]
fn a_failover_brings_no_session_back_and_ends_none() {
    let served = [visit(0, 0, 4, 1), logout(0, 0, 5), read(0, 1, 9, 1)];
    assert_eq!(after_failover(served).0, [(Rule::Stale, 3)]);
    let updated = [logout(0, 0, 4), visit(0, 1, 6, 1)];
    assert_eq!(after_failover(updated).0, [(Rule::Resurrected, 2)]);
    assert_eq!(after_failover([read(0, 1, 9, 0).but(Outcome::Refused)]).0, [(Rule::LoggedOut, 1)]);
}

#[test]
fn of_two_renewals_none_need_have_what_was_lost() {
    let renewals = [renewal(0, 1, 1, 6), renewal(0, 2, 2, 6), read(1, 1, 12, 0), read(2, 2, 12, 0)];
    let [lost, kept] = [3, 1].map(|second| {
        let visited = visit(0, 0, second, 1);
        after_failover([visited].into_iter().chain(renewals.clone())).0
    });
    assert_eq!(lost, []);
    assert_eq!(kept, [(Rule::LostUpdate, 2)]);
}
