//! For each rule, a history that breaks it, and similar ones that do not.

mod failovers;
mod jar;
mod late;
mod sessions;
mod updates;

use super::*;
use crate::history::{Body, Call, CookieNumber, Operation, Outcome, SetCookie};
use crate::slots::SlotSet;

const BOUND: Duration = Duration::from_secs(2);

/// A history that begins with a login on node 0, from second 0 to 1, which sets cookie 0.
fn history(calls: impl IntoIterator<Item = Call>) -> History {
    let calls = std::iter::once(login(0, 0, 0)).chain(calls).collect();
    // The slot of each session has the number of its cookie.
    History { username: "ada".to_owned(), calls, slots: (0..10).collect() }
}

/// A call with cookie `number` on process 1 of `node`, by the actor with the same number, which takes a second.
fn call(operation: Operation, number: CookieNumber, node: usize, second: u64, body: Body) -> Call {
    Call {
        actor: node,
        node,
        process: Some(1),
        cookie: Some(number),
        operation,
        start: Duration::from_secs(second),
        end: Duration::from_secs(second + 1),
        outcome: Outcome::Done(body),
        set_cookie: SetCookie::Nothing,
    }
}

fn named() -> Body {
    Body { username: Some("ada".to_owned()), ..Body::default() }
}

fn visits(visits: u64) -> Body {
    Body { visits: Some(visits), ..Body::default() }
}

fn visit(number: CookieNumber, node: usize, second: u64, count: u64) -> Call {
    call(Operation::Visit, number, node, second, visits(count))
}

fn read(number: CookieNumber, node: usize, second: u64, count: u64) -> Call {
    let body = Body { username: Some("ada".to_owned()), ..visits(count) };
    call(Operation::Read, number, node, second, body)
}

/// A read without a name.
fn anonymous_read(number: CookieNumber, node: usize, second: u64, count: u64) -> Call {
    call(Operation::Read, number, node, second, visits(count))
}

/// A write without a login, whose response leaves the jar unchanged.
fn note(number: Option<CookieNumber>, node: usize, second: u64) -> Call {
    Call { cookie: number, ..call(Operation::Note, 0, node, second, Body::default()) }
}

fn login(to: CookieNumber, node: usize, second: u64) -> Call {
    Call { cookie: None, ..call(Operation::Login, to, node, second, named()) }
        .with_cookie(SetCookie::Gives(to))
}

fn renewal(from: CookieNumber, to: CookieNumber, node: usize, second: u64) -> Call {
    call(Operation::Renew, from, node, second, named()).with_cookie(SetCookie::Gives(to))
}

/// A renewal that failed, but set a cookie.
fn uncertain_renewal(from: CookieNumber, to: CookieNumber, node: usize, second: u64) -> Call {
    renewal(from, to, node, second).with_outcome(Outcome::Failed(503)).with_cookie(SetCookie::Gives(to))
}

fn logout(number: CookieNumber, node: usize, second: u64) -> Call {
    call(Operation::Logout, number, node, second, Body::default()).with_cookie(SetCookie::Removes)
}

/// A call that takes from one second to another.
fn from_to(start: u64, end: u64, call: Call) -> Call {
    Call { start: Duration::from_secs(start), end: Duration::from_secs(end), ..call }
}

trait Variant {
    /// The same call with this outcome, which leaves the jar unchanged.
    fn with_outcome(self, outcome: Outcome) -> Self;

    /// The same call with a response that changes the jar like this.
    fn with_cookie(self, set_cookie: SetCookie<CookieNumber>) -> Self;
}

impl Variant for Call {
    fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, set_cookie: SetCookie::Nothing, ..self }
    }

    fn with_cookie(self, set_cookie: SetCookie<CookieNumber>) -> Self {
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
