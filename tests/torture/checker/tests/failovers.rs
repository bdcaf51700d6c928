//! Updates just before a failover.

use super::*;

/// Slot 0 had a failover: updates acknowledged from second 3 to 5 may be lost.
fn after_failover(calls: impl IntoIterator<Item = Call>) -> (Vec<(Rule, usize)>, u64, u64) {
    let time = Duration::from_secs(3)..Duration::from_secs(5);
    let loss_windows = [LossWindow { slots: SlotSet::new(vec![0..=0]), time }];
    let Findings { violations, uncertain, lost, .. } = check(&history(calls), BOUND, &loss_windows);
    (violations.iter().map(|violation| (violation.rule, violation.call)).collect(), uncertain, lost)
}

#[test]
fn an_update_just_before_a_failover_may_be_lost() {
    let seen = [visit(0, 0, 1, 1), visit(0, 0, 4, 2)];
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 1, 9, 2)])), (vec![], 1, 0));
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 1, 9, 1)])), (vec![], 1, 1));
    // Also for a reader that has seen it, and on the node that made it.
    assert_eq!(after_failover(seen.clone().into_iter().chain([read(0, 0, 9, 1)])), (vec![], 1, 1));
    // But only that one.
    let none = seen.into_iter().chain([read(0, 1, 9, 0)]);
    assert_eq!(after_failover(none), (vec![(Rule::LostUpdate, 3)], 1, 2));
}

#[test]
fn an_update_at_another_time_or_in_another_slot_must_not_be_lost() {
    for second in [1, 6] {
        let calls = [visit(0, 0, second, 1), read(0, 1, 12, 0)];
        assert_eq!(after_failover(calls), (vec![(Rule::LostUpdate, 2)], 0, 1));
    }
    let other_slot = [renewal(0, 1, 0, 1), visit(1, 0, 4, 1), read(1, 1, 9, 0)];
    assert_eq!(after_failover(other_slot), (vec![(Rule::LostUpdate, 3)], 0, 1));
}

/// An uncertain update may be lost, but not duplicated.
#[test]
fn an_uncertain_update_is_not_made_twice() {
    let twice = [visit(0, 0, 4, 1), read(0, 1, 9, 2)];
    assert_eq!(after_failover(twice), (vec![(Rule::PhantomUpdate, 2)], 1, 0));
}

#[test]
fn a_failover_neither_resurrects_nor_ends_a_session() {
    let served = [visit(0, 0, 4, 1), logout(0, 0, 5), read(0, 1, 9, 1)];
    assert_eq!(after_failover(served).0, [(Rule::Stale, 3)]);
    let updated = [logout(0, 0, 4), visit(0, 1, 6, 1)];
    assert_eq!(after_failover(updated).0, [(Rule::Resurrected, 2)]);
    assert_eq!(
        after_failover([read(0, 1, 9, 0).with_outcome(Outcome::Unauthorized)]).0,
        [(Rule::LoggedOut, 1)]
    );
}

#[test]
fn after_two_renewals_a_lost_update_may_be_missing_in_both() {
    let renewals = [renewal(0, 1, 1, 6), renewal(0, 2, 2, 6), read(1, 1, 12, 0), read(2, 2, 12, 0)];
    let [lost, kept] = [3, 1].map(|second| {
        let visited = visit(0, 0, second, 1);
        after_failover([visited].into_iter().chain(renewals.clone())).0
    });
    assert_eq!(lost, []);
    assert_eq!(kept, [(Rule::LostUpdate, 2)]);
}
