//! Sessions: their life cycle, renewals, and rejected requests.

use super::*;

#[test]
fn a_complete_life_cycle_is_good() {
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
        read(1, 0, 19, 0).with_outcome(Outcome::Unauthorized),
        read(0, 1, 20, 0).with_outcome(Outcome::Unauthorized),
    ]);
}

#[test]
fn a_session_is_not_served_after_its_end() {
    for ending in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
        assert_good([ending.clone(), read(0, 1, 4, 0)]);
        assert_bad(&[(Rule::Stale, 2)], [ending.clone(), read(0, 1, 5, 0)]);
        assert_good([ending.clone(), read(0, 0, 2, 0)]);
        assert_bad(&[(Rule::Stale, 2)], [ending.clone(), read(0, 0, 3, 0)]);
        for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
            assert_good([ending.clone().with_outcome(outcome), read(0, 0, 9, 0)]);
        }
    }
}

#[test]
fn an_ended_session_accepts_no_update() {
    assert_good([logout(0, 0, 2), Call { start: Duration::from_secs(2), ..visit(0, 1, 2, 1) }]);
    assert_bad(&[(Rule::Resurrected, 2)], [logout(0, 0, 1), visit(0, 1, 3, 1)]);
    assert_bad(&[(Rule::Resurrected, 2)], [renewal(0, 1, 0, 1), visit(0, 1, 3, 1)]);
}

#[test]
fn an_ended_session_does_not_begin_twice_by_a_renewal() {
    let ended = [visit(0, 0, 1, 1), logout(0, 0, 2), renewal(0, 1, 1, 4)];
    assert_good(ended.clone().into_iter().chain([read(1, 1, 6, 0), visit(1, 1, 7, 1), read(1, 1, 9, 1)]));
    assert_bad(&[(Rule::Resurrected, 3)], ended.into_iter().chain([read(1, 1, 6, 1)]));
}

#[test]
fn only_one_of_two_renewals_moves_the_session() {
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
fn a_renewal_preserves_the_data() {
    let ended = [visit(0, 0, 1, 1), renewal(0, 1, 1, 2)];
    assert_good(ended.clone().into_iter().chain([read(1, 2, 5, 1)]));
    assert_bad(&[(Rule::LostUpdate, 3)], ended.into_iter().chain([read(1, 2, 5, 0)]));
}

#[test]
fn after_a_renewal_of_unknown_outcome_the_session_may_be_new() {
    assert_good([
        visit(0, 0, 1, 1),
        renewal(0, 1, 1, 2).with_outcome(Outcome::Unknown),
        renewal(0, 1, 1, 5),
        read(1, 2, 9, 0),
    ]);
}

#[test]
fn another_users_name_is_detected() {
    let mut stolen = read(0, 1, 1, 0);
    stolen.outcome = Outcome::Done(Body { username: Some("eve".to_owned()), ..visits(0) });
    assert_bad(&[(Rule::OtherUser, 1)], [stolen]);
}

#[test]
fn an_outage_ends_no_session() {
    let rejected = read(0, 1, 9, 0).with_outcome(Outcome::Unauthorized);
    assert_bad(&[(Rule::LoggedOut, 1)], [rejected.clone()]);
    for ending in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
        assert_good([ending.clone(), rejected.clone()]);
        assert_good([ending.with_outcome(Outcome::Unknown), rejected.clone()]);
    }
    assert_good([logout(0, 0, 1).with_outcome(Outcome::Failed(503)), rejected.clone()]);
    let failed = renewal(0, 1, 0, 1).with_outcome(Outcome::Failed(503));
    assert_bad(&[(Rule::LostInRenewal, 2)], [failed, rejected.clone()]);
    // The end came later.
    assert_bad(&[(Rule::LoggedOut, 1)], [rejected, logout(0, 0, 11)]);
}

#[test]
fn a_login_may_give_up_while_the_node_of_an_uncertain_renewal_saves_the_session() {
    let given_up = |second| renewal(1, 2, 1, second).with_outcome(Outcome::Conflict);
    assert_good([uncertain_renewal(0, 1, 0, 1), given_up(3)]);
    // The node has given up before, or the renewal was certain, or gave another cookie.
    assert_bad(&[(Rule::Unexpected, 2)], [uncertain_renewal(0, 1, 0, 1), given_up(30)]);
    assert_bad(&[(Rule::Unexpected, 2)], [renewal(0, 1, 0, 1), given_up(3)]);
    let other = Call { cookie: Some(0), ..given_up(3) };
    assert_bad(&[(Rule::Unexpected, 2)], [uncertain_renewal(0, 1, 0, 1), other]);
}

#[test]
fn only_known_errors_are_expected() {
    assert_good([read(0, 1, 1, 0).with_outcome(Outcome::Failed(503))]);
    assert_bad(&[(Rule::Unexpected, 1)], [read(0, 1, 1, 0).with_outcome(Outcome::Failed(500))]);
    // A login or a logout is accepted with an earlier cookie.
    for outcome in [Outcome::Unauthorized, Outcome::Conflict] {
        for before in [logout(0, 0, 1), renewal(0, 1, 0, 1)] {
            for late in [renewal(0, 2, 0, 3), logout(0, 0, 3)] {
                assert_good([before.clone(), late.clone()]);
                assert_bad(&[(Rule::Unexpected, 2)], [before.clone(), late.with_outcome(outcome.clone())]);
            }
        }
    }
}

#[test]
fn a_login_gives_up_only_if_others_keep_changing_the_session() {
    let conflict = renewal(0, 1, 0, 3).with_outcome(Outcome::Conflict);
    assert_bad(&[(Rule::Unexpected, 1)], [conflict.clone()]);
    for write in [visit(0, 1, 3, 1), note(Some(0), 1, 3), visit(0, 1, 1, 0).with_outcome(Outcome::Unknown)] {
        assert_good([write, conflict.clone()]);
    }
    for other in [visit(0, 1, 1, 1), read(0, 1, 3, 0), visit(0, 1, 3, 0).with_outcome(Outcome::Conflict)] {
        assert_bad(&[(Rule::Unexpected, 2)], [other, conflict.clone()]);
    }
    let rejected = conflict.with_outcome(Outcome::Unauthorized);
    assert_bad(&[(Rule::Unexpected, 2), (Rule::LoggedOut, 2)], [visit(0, 1, 3, 1), rejected]);
}

/// A renewal that failed, but set a cookie: the session exists under that, and moves later.
#[test]
fn a_moving_session_exists_under_its_new_cookie() {
    let uncertain = uncertain_renewal(0, 1, 0, 3);
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), read(1, 1, 9, 1)]);
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), read(0, 1, 4, 1), read(0, 1, 9, 1)]);
    let rejected = read(1, 1, 9, 0).with_outcome(Outcome::Unauthorized);
    assert_bad(&[(Rule::LoggedOut, 3)], [visit(0, 0, 1, 1), uncertain.clone(), rejected.clone()]);
    // A logout under the old cookie ends it under both.
    assert_good([visit(0, 0, 1, 1), uncertain.clone(), logout(0, 1, 4), rejected]);
    // Updates from before must be there; later ones under the old cookie may follow.
    assert_bad(&[(Rule::LostUpdate, 3)], [visit(0, 0, 1, 1), uncertain.clone(), read(1, 1, 9, 0)]);
    assert_good([visit(0, 0, 1, 1), uncertain, visit(0, 1, 4, 2), read(1, 1, 9, 1)]);
}
