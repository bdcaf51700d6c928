//! Which responses are entitled to change the jar, and its expected content.

use super::*;

#[test]
fn a_late_response_removes_no_cookie() {
    let rejections =
        [Outcome::Unauthorized, Outcome::Conflict].map(|outcome| visit(0, 1, 3, 0).with_outcome(outcome));
    let others = [read(1, 1, 3, 0), visit(1, 1, 3, 1), read(1, 1, 3, 0).with_outcome(Outcome::Failed(503))];
    for late in rejections.into_iter().chain(others) {
        assert_good([renewal(0, 1, 0, 1), late.clone()]);
        let removes = late.with_cookie(SetCookie::Removes);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), removes.clone()]);
        // Also if it was sent before the renewal ended.
        let removes = from_to(1, 4, removes);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), removes]);
    }
}

#[test]
fn a_late_response_sets_no_cookie() {
    for outcome in [Outcome::Unauthorized, Outcome::Conflict, Outcome::Failed(503)] {
        let late = visit(0, 1, 3, 0).with_outcome(outcome);
        assert_good([logout(0, 0, 1), late.clone()]);
        let gives = late.with_cookie(SetCookie::Gives(1));
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), gives]);
    }
}

#[test]
fn a_late_response_replaces_no_cookie() {
    let gives = visit(0, 1, 3, 0).with_outcome(Outcome::Conflict).with_cookie(SetCookie::Gives(2));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), gives.clone()]);
    // A later login corrects the jar, but not the response.
    let renewals = [renewal(0, 1, 0, 1), gives, from_to(3, 6, renewal(1, 3, 0, 3))];
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], renewals);
}

#[test]
fn a_login_sets_a_cookie_and_a_logout_removes_it() {
    let [login, logout] =
        [renewal(0, 1, 0, 1), logout(0, 0, 1)].map(|call| call.with_cookie(SetCookie::Nothing));
    assert_bad(&[(Rule::Unexpected, 1)], [login]);
    assert_bad(&[(Rule::Unexpected, 1), (Rule::WrongJar, 1)], [logout.clone()]);
    // There was no cookie.
    assert_good([super::logout(0, 0, 1), Call { cookie: None, ..from_to(3, 4, logout.clone()) }]);
    assert_good([logout.with_outcome(Outcome::Failed(503))]);
}

/// How often each exemption was used in a history, and how often none.
fn jars(calls: &[Call]) -> Jars {
    check(&history(calls.to_vec()), BOUND, &[]).jars
}

#[test]
fn only_concurrent_requests_make_the_content_of_the_jar_uncertain() {
    let judged = |judged| Jars { judged, ..Jars::default() };
    assert_eq!(jars(&[]), judged(1));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(1, 2, 4), login(2, 1, 6)]), judged(4));
    assert_eq!(
        jars(&[renewal(0, 1, 1, 2), logout(0, 2, 3), note(None, 1, 4).with_cookie(SetCookie::Gives(2))]),
        judged(4)
    );
    // Two logouts have the same effect, and other requests have none.
    assert_eq!(jars(&[logout(0, 1, 2), logout(0, 2, 2)]), judged(3));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), from_to(2, 3, visit(0, 2, 2, 1))]), judged(2));
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2).with_outcome(Outcome::Failed(503))]), judged(2));
}

#[test]
fn every_exemption_is_for_concurrent_requests_entitled_to_change_the_jar() {
    let judged = Jars { judged: 2, ..Jars::default() };
    let logins = Jars { logins: 1, ..judged };
    assert_eq!(jars(&[renewal(0, 1, 1, 2), renewal(0, 2, 1, 2)]), logins);
    assert_eq!(jars(&[renewal(0, 1, 1, 2), login(2, 1, 2)]), logins);
    let logouts = Jars { logouts: 1, ..judged };
    assert_eq!(jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2)]), logouts);
    // After the next change it is known again.
    let known_again = |call| jars(&[renewal(0, 1, 1, 2), logout(0, 2, 2), call]);
    assert_eq!(known_again(logout(1, 2, 4)), Jars { judged: 3, ..logouts });
    assert_eq!(known_again(renewal(1, 2, 2, 4)), Jars { judged: 3, ..logouts });
    let begins = |cookie, second, given| note(cookie, 1, second).with_cookie(SetCookie::Gives(given));
    let first_visits = Jars { first_visits: 1, judged: 3, ..Jars::default() };
    assert_eq!(jars(&[logout(0, 0, 1), begins(None, 4, 1), login(2, 1, 4)]), first_visits);
    assert_eq!(jars(&[logout(0, 0, 1), begins(None, 4, 1), begins(None, 4, 2)]), first_visits);
    let expired_ids = Jars { expired_ids: 1, judged: 3, ..Jars::default() };
    assert_eq!(jars(&[logout(0, 0, 1), begins(Some(0), 40, 1), begins(Some(0), 40, 2)]), expired_ids);
}

/// With the cookie of a session that exists, or has recently ended or moved.
#[test]
fn a_late_write_without_a_login_begins_no_session() {
    let gives = note(Some(0), 1, 3).with_cookie(SetCookie::Gives(1));
    assert_good([note(Some(0), 1, 3), read(0, 1, 5, 0)]);
    assert_bad(&[(Rule::LateCookie, 1), (Rule::WrongJar, 1)], [gives.clone()]);
    for ending in [logout(0, 0, 1), logout(0, 0, 1).with_outcome(Outcome::Unknown)] {
        for rejected in [
            note(Some(0), 1, 3).with_outcome(Outcome::Unauthorized),
            note(Some(0), 1, 3).with_outcome(Outcome::Conflict),
        ] {
            assert_good([ending.clone(), rejected]);
        }
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [ending, gives.clone()]);
    }
    let moved = renewal(0, 2, 0, 1);
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [moved, gives]);
}

#[test]
fn a_write_under_an_expired_id_begins_a_session() {
    let gives = |second| note(Some(0), 1, second).with_cookie(SetCookie::Gives(1));
    let [ended, moved] = [logout(0, 0, 1), renewal(0, 2, 0, 1)];
    for ending in [ended, moved] {
        assert_good([ending.clone(), gives(30)]);
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [ending, gives(29)]);
    }
    // It has no data of the old session.
    let ended = [visit(0, 0, 1, 1), logout(0, 0, 2), gives(40)];
    assert_good(ended.clone().into_iter().chain([anonymous_read(1, 1, 42, 0)]));
    assert_bad(&[(Rule::PhantomUpdate, 4)], ended.into_iter().chain([anonymous_read(1, 1, 42, 1)]));
}

#[test]
fn a_first_write_begins_a_session() {
    let first = note(None, 1, 3);
    assert_good([
        logout(0, 0, 1),
        first.clone().with_cookie(SetCookie::Gives(1)),
        anonymous_read(1, 1, 5, 0),
    ]);
    assert_bad(&[(Rule::Unexpected, 2)], [logout(0, 0, 1), first.clone()]);
    assert_bad(
        &[(Rule::Unexpected, 2)],
        [logout(0, 0, 1), first.clone().with_outcome(Outcome::Unauthorized)],
    );
    let failed = first.with_outcome(Outcome::Failed(503));
    assert_good([logout(0, 0, 1), failed.clone()]);
    let gives = failed.with_cookie(SetCookie::Gives(1));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), gives]);
}

#[test]
fn a_failed_logout_or_one_without_a_cookie_may_leave_the_jar_unchanged() {
    let failed = logout(0, 0, 1).with_outcome(Outcome::Failed(503));
    assert_good([failed.clone()]);
    // The session has ended on that node, which repeats the delete later.
    assert_good([failed.with_cookie(SetCookie::Removes)]);
    assert_bad(
        &[(Rule::Unexpected, 2)],
        [renewal(0, 1, 0, 1), logout(0, 1, 3).with_outcome(Outcome::Conflict)],
    );
    let without = Call { cookie: None, ..logout(0, 0, 1) };
    assert_bad(&[(Rule::LateCookie, 1), (Rule::WrongJar, 1)], [without.clone()]);
    assert_good([without.with_cookie(SetCookie::Nothing)]);
}

#[test]
fn a_failed_login_without_a_session_to_move_sets_no_cookie() {
    let failed = |login: Call| login.with_outcome(Outcome::Failed(503)).with_cookie(SetCookie::Gives(1));
    assert_good([failed(renewal(0, 1, 0, 1))]);
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [logout(0, 0, 1), failed(login(1, 0, 3))]);
}

#[test]
fn a_cookie_is_reissued_for_a_session_that_exists() {
    let reissues = |call: Call| call.with_cookie(SetCookie::Reissues(0));
    for call in [read(0, 1, 3, 0), visit(0, 1, 3, 1), note(Some(0), 1, 3)] {
        assert_good([reissues(call.clone())]);
        assert_good([reissues(call.clone().with_outcome(Outcome::Failed(503)))]);
        for ending in [renewal(0, 1, 0, 1), logout(0, 0, 1)] {
            let late = [ending, reissues(call.clone())];
            let violations = check(&history(late), BOUND, &[]).violations;
            assert!(violations.iter().any(|violation| violation.rule == Rule::LateCookie), "{violations:#?}");
        }
    }
    for outcome in [Outcome::Unauthorized, Outcome::Conflict, Outcome::Failed(503)] {
        let rejected = [renewal(0, 1, 0, 1), reissues(read(0, 1, 3, 0).with_outcome(outcome))];
        assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], rejected);
    }
    // Not the cookie of another session, and not by a login, which sets another cookie.
    let other = read(1, 1, 3, 0).with_cookie(SetCookie::Reissues(0));
    assert_bad(&[(Rule::LateCookie, 2), (Rule::WrongJar, 2)], [renewal(0, 1, 0, 1), other]);
    assert_bad(&[(Rule::LateCookie, 1)], [reissues(renewal(0, 0, 0, 1))]);
}

#[test]
fn a_reissued_cookie_concurrent_with_a_login_or_a_logout_may_win() {
    let reissued = read(0, 1, 2, 0).with_cookie(SetCookie::Reissues(0));
    for other in [renewal(0, 1, 2, 2), logout(0, 2, 2)] {
        for [first, second] in [[reissued.clone(), other.clone()], [other, reissued.clone()]] {
            assert_good([first.clone(), second.clone()]);
            assert_eq!(jars(&[first, second]), Jars { judged: 2, reissues: 1, ..Jars::default() });
        }
    }
}
