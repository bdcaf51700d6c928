//! Which answers may change the jar, and what it has to hold.

use super::*;

#[test]
fn a_late_answer_logs_nobody_out() {
    let refusals = [Outcome::Refused, Outcome::Conflict].map(|outcome| visit(0, 1, 3, 0).but(outcome));
    let others = [read(1, 1, 3, 0), visit(1, 1, 3, 1), read(1, 1, 3, 0).but(Outcome::Failed(503))];
    for late in refusals.into_iter().chain(others) {
        assert_good([renewal(0, 1, 0, 1), late.clone()]);
        let removes = late.and(SetCookie::Removes);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), removes.clone()]);
        // It had been sent before.
        let removes = from_to(1, 4, removes);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), removes]);
    }
}

#[test]
fn a_late_answer_logs_nobody_in() {
    for outcome in [Outcome::Refused, Outcome::Conflict, Outcome::Failed(503)] {
        let late = visit(0, 1, 3, 0).but(outcome);
        assert_good([logout(0, 0, 1), late.clone()]);
        let gives = late.and(SetCookie::Gives(1));
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), gives]);
    }
}

#[test]
fn a_late_answer_replaces_no_cookie() {
    let gives = visit(0, 1, 3, 0).but(Outcome::Conflict).and(SetCookie::Gives(2));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), gives.clone()]);
    // A login under way puts the jar right, but not the answer.
    let renewals = [renewal(0, 1, 0, 1), gives, from_to(3, 6, renewal(1, 3, 0, 3))];
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], renewals);
}

#[test]
fn a_login_gives_a_cookie_and_a_logout_removes_one() {
    let [login, logout] = [renewal(0, 1, 0, 1), logout(0, 0, 1)].map(|call| call.and(SetCookie::Nothing));
    assert_bad(&[(Rule::Unexpected, 1)], [login]);
    assert_bad(&[(Rule::Unexpected, 1), (Rule::WrongJar, 1)], [logout.clone()]);
    // There was none.
    assert_good([super::logout(0, 0, 1), Call { cookie: None, ..from_to(3, 4, logout.clone()) }]);
    assert_good([logout.but(Outcome::Failed(503))]);
}

/// How often each exemption was made use of in a history, and how often none.
fn jars(calls: &[Call]) -> Jars {
    check(&history(calls.to_vec()), BOUND, &[]).jars
}

#[test]
fn only_requests_at_the_same_time_leave_it_open_what_the_jar_holds() {
    let judged = |judged| Jars { judged, ..Jars::default() };
    assert_eq!(jars(&[]), judged(1));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(1, 2, 4), login(2, 1, 6)]), judged(4));
    assert_eq!(
        jars(&[renewal(0, 1, 1, 2), logout(0, 2, 3), note(None, 1, 4).and(SetCookie::Gives(2))]),
        judged(4)
    );
    // Two logouts have the same effect, and other requests have none.
    assert_eq!(jars(&[logout(0, 1, 2), logout(0, 2, 2)]), judged(3));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), from_to(2, 3, visit(0, 2, 2, 1))]), judged(2));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2).but(Outcome::Failed(503))]), judged(2));
}

#[test]
fn every_exemption_is_of_requests_at_the_same_time_that_rightly_change_the_jar() {
    let judged = Jars { judged: 2, ..Jars::default() };
    let logins = Jars { logins: 1, ..judged };
    assert_eq!(jars(&[renewal(0, 1, 1, 2), renewal(0, 2, 1, 2)]), logins);
    assert_eq!(jars(&[renewal(0, 1, 1, 2), login(2, 1, 2)]), logins);
    let logouts = Jars { logouts: 1, ..judged };
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2)]), logouts);
    // From the next change on it is known again.
    let known_again = |call| jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2), call]);
    assert_eq!(known_again(logout(1, 2, 4)), Jars { judged: 3, ..logouts });
    assert_eq!(known_again(renewal(1, 2, 2, 4)), Jars { judged: 3, ..logouts });
    let begins = |cookie, second, given| note(cookie, 1, second).and(SetCookie::Gives(given));
    let first_visits = Jars { first_visits: 1, judged: 3, ..Jars::default() };
    assert_eq!(jars(&[logout(0, 0, 1), begins(None, 4, 1), login(2, 1, 4)]), first_visits);
    assert_eq!(jars(&[logout(0, 0, 1), begins(None, 4, 1), begins(None, 4, 2)]), first_visits);
    let expired_ids = Jars { expired_ids: 1, judged: 3, ..Jars::default() };
    assert_eq!(jars(&[logout(0, 0, 1), begins(Some(0), 40, 1), begins(Some(0), 40, 2)]), expired_ids);
}

/// With the cookie of a session that is there, or has recently ended or moved.
#[test]
fn a_late_write_without_a_login_begins_no_session() {
    let gives = note(Some(0), 1, 3).and(SetCookie::Gives(1));
    assert_good([note(Some(0), 1, 3), read(0, 1, 5, 0)]);
    assert_bad(&[(Rule::LateCookie, 1), (Rule::WrongJar, 1)], [gives.clone()]);
    for ending in [logout(0, 0, 1), logout(0, 0, 1).but(Outcome::Unknown)] {
        for refused in [note(Some(0), 1, 3).but(Outcome::Refused), note(Some(0), 1, 3).but(Outcome::Conflict)]
        {
            assert_good([ending.clone(), refused]);
        }
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [ending, gives.clone()]);
    }
    let moved = renewal(0, 2, 0, 1);
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [moved, gives]);
}

#[test]
fn a_write_under_an_id_that_is_long_forgotten_begins_a_session() {
    let gives = |second| note(Some(0), 1, second).and(SetCookie::Gives(1));
    let [ended, moved] = [logout(0, 0, 1), renewal(0, 2, 0, 1)];
    for ending in [ended, moved] {
        assert_good([ending.clone(), gives(30)]);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [ending, gives(29)]);
    }
    // It has nothing of the old one.
    let ended = [visit(0, 0, 1, 1), logout(0, 0, 2), gives(40)];
    assert_good(ended.clone().into_iter().chain([anonymous_read(1, 1, 42, 0)]));
    assert_bad(&[(Rule::PhantomUpdate, 4)], ended.into_iter().chain([anonymous_read(1, 1, 42, 1)]));
}

#[test]
fn a_first_write_begins_a_session() {
    let first = note(None, 1, 3);
    assert_good([logout(0, 0, 1), first.clone().and(SetCookie::Gives(1)), anonymous_read(1, 1, 5, 0)]);
    assert_bad(&[(Rule::Unexpected, 2)], [logout(0, 0, 1), first.clone()]);
    assert_bad(&[(Rule::Unexpected, 2)], [logout(0, 0, 1), first.clone().but(Outcome::Refused)]);
    let failed = first.but(Outcome::Failed(503));
    assert_good([logout(0, 0, 1), failed.clone()]);
    let gives = failed.and(SetCookie::Gives(1));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), gives]);
}

#[test]
fn a_logout_without_a_cookie_or_an_answer_leaves_the_jar_alone() {
    let failed = logout(0, 0, 1).but(Outcome::Failed(503));
    assert_good([failed.clone()]);
    // The session is over on that node, which tells the servers later.
    assert_good([failed.and(SetCookie::Removes)]);
    assert_bad(&[(Rule::Unexpected, 2)], [renewal(0, 1, 0, 1), logout(0, 1, 3).but(Outcome::Conflict)]);
    let without = Call { cookie: None, ..logout(0, 0, 1) };
    assert_bad(&[(Rule::LateCookie, 1), (Rule::WrongJar, 1)], [without.clone()]);
    assert_good([without.and(SetCookie::Nothing)]);
}

#[test]
fn a_failed_login_gives_no_cookie_without_a_session_to_move() {
    let failed = |login: Call| login.but(Outcome::Failed(503)).and(SetCookie::Gives(1));
    assert_good([failed(renewal(0, 1, 0, 1))]);
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), failed(login(1, 0, 3))]);
}

#[test]
fn a_cookie_is_issued_anew_for_a_session_that_is_there() {
    let reissues = |call: Call| call.and(SetCookie::Reissues(0));
    for call in [read(0, 1, 3, 0), visit(0, 1, 3, 1), note(Some(0), 1, 3)] {
        assert_good([reissues(call.clone())]);
        assert_good([reissues(call.clone().but(Outcome::Failed(503)))]);
        for ending in [renewal(0, 1, 0, 1), logout(0, 0, 1)] {
            let late = [ending, reissues(call.clone())];
            let violations = check(&history(late), BOUND, &[]).violations;
            assert!(violations.iter().any(|violation| violation.rule == Rule::LateCookie), "{violations:#?}");
        }
    }
    for outcome in [Outcome::Refused, Outcome::Conflict, Outcome::Failed(503)] {
        let refused = [renewal(0, 1, 0, 1), reissues(read(0, 1, 3, 0).but(outcome))];
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], refused);
    }
    // Not that of another session, and not by a login, which gives another cookie.
    let other = read(1, 1, 3, 0).and(SetCookie::Reissues(0));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), other]);
    assert_bad(&[(Rule::LateCookie, 1)], [reissues(renewal(0, 0, 0, 1))]);
}

#[test]
fn a_cookie_that_is_issued_anew_beside_a_login_or_a_logout_may_be_kept() {
    let reissued = read(0, 1, 2, 0).and(SetCookie::Reissues(0));
    for other in [renewal(0, 1, 2, 2), logout(0, 2, 2)] {
        for [first, second] in [[reissued.clone(), other.clone()], [other, reissued.clone()]] {
            assert_good([first.clone(), second.clone()]);
            assert_eq!(jars(&[first, second]), Jars { judged: 2, reissues: 1, ..Jars::default() });
        }
    }
}
