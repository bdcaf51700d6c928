//! Updates: none is lost, duplicated or made up.

use super::*;

#[test]
fn a_missing_update_is_detected_after_the_bound() {
    assert_good([visit(0, 0, 1, 1), read(0, 1, 3, 0)]);
    assert_good([visit(0, 0, 1, 1), read(0, 1, 4, 0)]);
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 0, 1, 1), read(0, 1, 5, 0)]);
    assert_bad(&[(Rule::LostUpdate, 3)], [visit(0, 0, 1, 1), visit(0, 1, 1, 1), read(0, 1, 5, 1)]);
}

#[test]
fn a_missing_update_is_detected_at_once_on_the_same_process() {
    assert_good([visit(0, 1, 1, 1), Call { process: None, ..read(0, 1, 3, 0) }]);
    assert_good([visit(0, 1, 1, 1), Call { process: Some(3), ..read(0, 1, 3, 0) }]);
    let other_actor = |read| Call { actor: 7, ..read };
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 1, 1, 1), other_actor(read(0, 1, 3, 0))]);
}

#[test]
fn an_update_shows_the_earlier_ones() {
    assert_good([visit(0, 0, 1, 1), visit(0, 1, 5, 2)]);
    assert_bad(&[(Rule::LostUpdate, 2)], [visit(0, 0, 1, 1), visit(0, 1, 5, 1)]);
}

#[test]
fn an_update_of_unknown_outcome_may_be_visible_or_not() {
    for outcome in [Outcome::Unknown, Outcome::Failed(503)] {
        for shown in [0, 1] {
            assert_good([visit(0, 0, 1, 1).with_outcome(outcome.clone()), read(0, 1, 9, shown)]);
        }
    }
}

#[test]
fn an_update_in_progress_may_be_visible() {
    let slow = Call { end: Duration::from_secs(9), ..visit(0, 0, 1, 1) };
    assert_good([read(0, 1, 2, 1), slow.clone()]);
    assert_good([read(0, 1, 2, 0), slow]);
}

#[test]
fn updates_without_a_request_are_detected() {
    assert_bad(&[(Rule::PhantomUpdate, 1)], [read(0, 1, 5, 1)]);
    assert_bad(&[(Rule::PhantomUpdate, 1)], [read(0, 1, 2, 1), visit(0, 0, 5, 1)]);
}

#[test]
fn a_rejected_update_is_not_made() {
    for outcome in [Outcome::Unauthorized, Outcome::Conflict] {
        let rejected = visit(0, 0, 2, 0).with_outcome(outcome);
        assert_good([renewal(0, 1, 1, 1), rejected.clone(), read(1, 1, 5, 0)]);
        assert_bad(&[(Rule::PhantomUpdate, 3)], [renewal(0, 1, 1, 1), rejected, read(1, 1, 5, 1)]);
    }
}

#[test]
fn going_backwards_is_detected() {
    let on = |node, process, read| Call { node, process: Some(process), ..read };
    let [visited, read_one, read_none] = [visit(0, 0, 1, 1), read(0, 1, 2, 1), read(0, 1, 3, 0)];
    assert_bad(&[(Rule::Backwards, 3)], [visited.clone(), read_one.clone(), read_none.clone()]);
    assert_good([visited.clone(), on(2, 1, read_one.clone()), read_none.clone()]);
    assert_good([visited.clone(), on(1, 3, read_one.clone()), read_none.clone()]);
    assert_good([visited, Call { actor: 7, ..read_one }, read_none]);
}
