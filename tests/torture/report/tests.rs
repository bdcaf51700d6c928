use std::time::Duration;

use super::outages::{longest_during, outages, rest};
use crate::faults::{Entry, Kind};
use crate::history::{Body, Call, History, Operation, Outcome, SetCookie};

fn call(start: u64, end: u64, outcome: Outcome) -> Call {
    Call {
        actor: 0,
        node: 0,
        process: None,
        cookie: None,
        operation: Operation::Read,
        start: Duration::from_secs(start),
        end: Duration::from_secs(end),
        outcome,
        set_cookie: SetCookie::Nothing,
    }
}

#[test]
fn an_outage_lasts_from_the_first_failed_request_to_the_last() {
    let done = || Outcome::Done(Body::default());
    let calls = vec![
        call(0, 1, done()),
        call(2, 3, Outcome::Failed(503)),
        call(3, 4, done()),
        // Sent before the successful response, and failed after it.
        call(3, 6, Outcome::Unknown),
        call(6, 7, Outcome::Failed(503)),
        // After a pause without requests.
        call(9, 10, Outcome::Failed(503)),
        call(11, 11, Outcome::Unauthorized),
    ];
    let history = History { username: "ada".to_owned(), calls, ..History::default() };
    let outages_of = |history| outages(history, |_| true).into_iter().map(|outage| outage.time);
    let second = Duration::from_secs;
    let expected = [second(2)..second(3), second(4)..second(7), second(9)..second(10)];
    assert_eq!(outages_of(&history).collect::<Vec<_>>(), expected);
    assert!(outages(&history, |call| call.node == 1).is_empty());
}

#[test]
fn the_recovery_is_the_time_after_the_last_fault() {
    let second = Duration::from_secs;
    let fault = |from, to| Entry {
        kind: Kind::KillPrimary,
        time: second(from)..second(to),
        slots: None,
        taken_over: None,
        alone: true,
        text: String::new(),
    };
    let time = second(2)..second(7);
    assert_eq!(rest(&time, &[fault(0, 1), fault(8, 9)]), time);
    assert_eq!(rest(&time, &[fault(1, 3), fault(2, 5)]), second(5)..second(7));
    assert_eq!(rest(&time, &[fault(1, 9)]), second(7)..second(7));
}

#[test]
fn affected_sessions_are_distinguished_from_others() {
    let second = Duration::from_secs;
    let with = |cookie, call| Call { cookie: Some(cookie), ..call };
    let calls = vec![
        with(0, call(2, 6, Outcome::Failed(503))),
        with(1, call(5, 7, Outcome::Unknown)),
        with(2, call(7, 8, Outcome::Unknown)),
        call(1, 9, Outcome::Unknown),
    ];
    let history = History { calls, slots: vec![1, 2, 3], ..History::default() };
    let entry = Entry {
        kind: Kind::KillPrimary,
        time: second(3)..second(8),
        slots: Some([1, 3].into_iter().collect()),
        taken_over: None,
        alone: true,
        text: String::new(),
    };
    let longest =
        |from, to, affected| longest_during(&(second(from)..second(to)), &entry, &history, affected);
    // From the beginning of the fault, over all affected sessions.
    assert_eq!(longest(3, 8, true), second(5));
    assert_eq!(longest(3, 8, false), second(2));
    assert_eq!(longest(7, 8, true), second(1));
    assert_eq!(longest(10, 12, true), second(0));
}
