//! Logins, renewals and logouts with an earlier cookie, or at the same time as others.

use super::*;

#[test]
fn either_of_two_first_visits_may_win() {
    assert_good([login(1, 1, 0), read(1, 1, 2, 0), read(0, 1, 2, 0)]);
    assert_good([login(1, 1, 0), logout(1, 1, 2), read(0, 1, 9, 0)]);
}

#[test]
fn either_of_two_concurrent_renewals_may_win() {
    let (one, other) = (renewal(0, 1, 1, 2), renewal(0, 2, 2, 2));
    for [first, second] in [[one.clone(), other.clone()], [other, one]] {
        assert_good([first.clone(), second.clone(), read(1, 1, 7, 0), read(2, 2, 7, 0)]);
        // A logout ends one of the two sessions.
        assert_good([first.clone(), second.clone(), logout(2, 1, 7), read(1, 1, 12, 0)]);
        assert_good([second, first, logout(1, 1, 7), read(2, 2, 12, 0)]);
    }
}

#[test]
fn a_login_with_an_old_cookie_is_a_separate_login() {
    assert_good([renewal(0, 1, 1, 2), renewal(0, 2, 2, 4), logout(2, 1, 7), read(1, 1, 12, 0)]);
}

#[test]
fn a_logout_concurrent_with_a_renewal_may_end_the_session_or_not() {
    let (renewal, logout) = (renewal(0, 1, 1, 2), logout(0, 2, 2));
    for [first, second] in [[renewal.clone(), logout.clone()], [logout, renewal]] {
        for response in [read(1, 1, 9, 0), read(1, 1, 9, 0).with_outcome(Outcome::Unauthorized)] {
            assert_good([first.clone(), second.clone(), response]);
        }
    }
}

#[test]
fn a_logout_concurrent_with_a_login_may_remove_its_cookie_or_not() {
    let (login, logout) = (login(1, 1, 2), logout(0, 2, 2));
    assert_good([login.clone(), logout.clone(), read(1, 1, 9, 0)]);
    assert_good([logout, login, read(1, 1, 9, 0)]);
}

#[test]
fn a_login_changes_the_id() {
    let begun = [logout(0, 0, 1), note(None, 1, 3).with_cookie(SetCookie::Gives(1))];
    let then = |response: Call| begun.clone().into_iter().chain([renewal(1, 2, 1, 5), response]);
    assert_good(then(read(2, 2, 7, 0)));
    assert_good(then(anonymous_read(1, 2, 7, 0)));
    assert_bad(&[(Rule::Fixed, 4)], then(read(1, 2, 7, 0)));
    assert_bad(&[(Rule::LostUpdate, 4)], then(anonymous_read(2, 2, 7, 0)));
}

#[test]
fn a_login_after_a_logout_lasts() {
    let rejected = read(1, 1, 9, 0).with_outcome(Outcome::Unauthorized);
    assert_bad(&[(Rule::LoggedOut, 3)], [logout(0, 2, 2), renewal(0, 1, 1, 4), rejected.clone()]);
    assert_bad(&[(Rule::LoggedOut, 3)], [logout(0, 2, 2), login(1, 1, 4), rejected.clone()]);
    // Also if the session has moved once more.
    let again = [logout(0, 2, 2), renewal(0, 1, 1, 4), renewal(1, 2, 1, 6)];
    assert_bad(
        &[(Rule::LoggedOut, 4)],
        again.into_iter().chain([read(2, 1, 9, 0).with_outcome(Outcome::Unauthorized)]),
    );
    // A failed logout is repeated, and one without a response may be done later, unless it was for another session.
    for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
        let logout = logout(0, 2, 2).with_outcome(outcome);
        assert_good([logout.clone(), renewal(0, 1, 1, 4), rejected.clone()]);
        assert_bad(&[(Rule::LoggedOut, 3)], [logout, login(1, 1, 4), rejected.clone()]);
    }
}

#[test]
fn a_logout_with_an_earlier_cookie_ends_the_session() {
    let moved = [renewal(0, 1, 0, 1), renewal(1, 2, 0, 3)];
    for cookie in 0..3 {
        let then = |response: Call| moved.clone().into_iter().chain([logout(cookie, 1, 5), response]);
        assert_good(then(read(2, 0, 8, 0)));
        assert_good(then(read(2, 0, 9, 0).with_outcome(Outcome::Unauthorized)));
        assert_bad(&[(Rule::Stale, 4)], then(read(2, 0, 9, 0)));
        assert_bad(&[(Rule::Stale, 4)], then(read(2, 1, 7, 0)));
        assert_bad(&[(Rule::Resurrected, 4)], then(visit(2, 0, 7, 1)));
        assert_bad(&[(Rule::Stale, 4)], then(read(2, 0, 900, 0)));
    }
}

#[test]
fn an_ended_session_does_not_exist_under_a_later_cookie() {
    let ended = [visit(0, 0, 1, 1), renewal(0, 1, 0, 2), logout(0, 1, 4), renewal(1, 2, 2, 6)];
    assert_good(ended.clone().into_iter().chain([read(2, 2, 9, 0)]));
    assert_bad(&[(Rule::Resurrected, 4)], ended.into_iter().chain([read(2, 2, 9, 1)]));
}

#[test]
fn a_failed_logout_with_an_earlier_cookie_may_end_the_session_or_not() {
    for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
        for response in [read(1, 0, 9, 0), read(1, 0, 9, 0).with_outcome(Outcome::Unauthorized)] {
            assert_good([renewal(0, 1, 0, 1), logout(0, 1, 3).with_outcome(outcome.clone()), response]);
        }
    }
}

#[test]
fn a_logout_follows_a_tombstone_for_half_a_minute() {
    let late = |second| [renewal(0, 1, 0, 1), logout(0, 1, second), read(1, 0, 50, 0)];
    assert_bad(&[(Rule::Stale, 3)], late(29));
    assert_good(late(30));
}

#[test]
fn a_logout_does_not_end_the_session_of_a_later_login() {
    let later = [logout(0, 0, 1), renewal(0, 1, 0, 3)];
    assert_good(later.into_iter().chain([logout(0, 1, 5), read(1, 0, 9, 0)]));
    assert_good([logout(0, 0, 1), login(1, 0, 3), logout(0, 1, 5), read(1, 0, 9, 0)]);
}

/// The data show that the session has moved, so the concurrent logout found it under the new cookie.
#[test]
fn a_logout_concurrent_with_a_renewal_ends_the_moved_session() {
    let (renewal, logout) = (renewal(0, 1, 1, 2), logout(0, 2, 2));
    for [first, second] in [[renewal.clone(), logout.clone()], [logout, renewal]] {
        let moved = [visit(0, 0, 1, 1), first, second, read(1, 1, 4, 1)];
        assert_good(moved.clone().into_iter().chain([read(1, 1, 9, 0).with_outcome(Outcome::Unauthorized)]));
        assert_bad(&[(Rule::Stale, 5)], moved.into_iter().chain([read(1, 1, 9, 1)]));
    }
}

#[test]
fn a_logout_ends_a_moving_session_under_both_cookies() {
    for ending in [logout(1, 1, 3), renewal(1, 2, 1, 3)] {
        let ended = [uncertain_renewal(0, 1, 0, 1), ending];
        let then = |response: Call| ended.clone().into_iter().chain([response]);
        assert_good(then(read(0, 1, 6, 0)));
        assert_good(then(read(0, 0, 9, 0).with_outcome(Outcome::Unauthorized)));
        assert_bad(&[(Rule::Stale, 3)], then(read(0, 1, 7, 0)));
        assert_bad(&[(Rule::Resurrected, 3)], then(visit(0, 1, 5, 1)));
    }
    let unknown = logout(1, 1, 3).with_outcome(Outcome::Unknown);
    assert_good([uncertain_renewal(0, 1, 0, 1), unknown, read(0, 1, 9, 0)]);
}

#[test]
fn updates_are_visible_under_later_cookies() {
    let begun = [visit(0, 0, 1, 1), renewal(0, 1, 1, 4), renewal(0, 2, 2, 4), renewal(1, 3, 1, 6)];
    assert_good(begun.clone().into_iter().chain([read(3, 1, 9, 1)]));
    assert_bad(&[(Rule::PhantomUpdate, 5)], begun.clone().into_iter().chain([read(3, 1, 9, 2)]));
    assert_bad(&[(Rule::Forked, 3)], begun.into_iter().chain([read(3, 1, 9, 1), read(2, 2, 9, 1)]));
}

/// Both are copies of the same session, and each has the updates under its own cookie.
#[test]
fn a_moving_session_and_that_of_another_renewal_are_separate() {
    let begun = [visit(0, 0, 1, 1), renewal(0, 1, 1, 4), uncertain_renewal(0, 2, 2, 4)];
    let later = [read(2, 2, 6, 1), visit(1, 1, 6, 2), visit(2, 2, 7, 2)];
    let reads = [read(1, 2, 12, 2), read(2, 1, 12, 2)];
    assert_good(begun.into_iter().chain(later).chain(reads));
}

/// A failed update may have been made, so either of the two may have moved.
#[test]
fn updates_of_unknown_outcome_prove_nothing() {
    let begun = [visit(0, 0, 1, 1), renewal(0, 1, 1, 4), renewal(0, 2, 2, 4)];
    let failed = visit(1, 1, 6, 0).with_outcome(Outcome::Failed(503));
    assert_good(begun.clone().into_iter().chain([failed.clone(), read(1, 1, 8, 1), read(2, 2, 8, 0)]));
    assert_bad(
        &[(Rule::LostUpdate, 2)],
        begun.into_iter().chain([failed, read(1, 1, 8, 0), read(2, 2, 8, 0)]),
    );
}
