mod limits;
mod properties;
mod s3_fifo;
mod support;

use std::sync::Arc;
use std::time::Duration;

use self::support::*;
use super::*;
use crate::id::SessionKey;
use crate::record::Revision;

#[test]
fn a_value_is_served_until_it_is_stale() {
    let mut fixture = Fixture::new(10);
    assert_eq!(fixture.get(1), None);
    fixture.put(1, 5);
    assert_eq!(fixture.get(1), Some(5));
    fixture.now += Duration::from_secs(60);
    assert_eq!(fixture.get(1), None);
}

#[test]
fn clearing_drops_all_entries_and_spoils_all_tickets() {
    let fixture = Fixture::new(10);
    fixture.put(1, 1);
    let ticket = fixture.begin(2);
    fixture.cache.clear();
    assert!(fixture.cache.is_empty());
    assert_eq!(fixture.get(1), None);
    assert_eq!(fixture.complete(ticket, 2), FillOutcome::Uncertain);
    assert_eq!(fixture.get(2), None);
    fixture.put(2, 2);
    assert_eq!(fixture.get(2), Some(2));
    assert_eq!(fixture.cache.len(), 1);
}

#[test]
fn a_deletion_spoils_a_fill_in_flight() {
    let fixture = Fixture::new(10);
    let ticket = fixture.begin(1);
    fixture.cache.invalidate(&key(1), None);
    assert_eq!(fixture.complete(ticket, 9), FillOutcome::Uncertain);
    assert_eq!(fixture.get(1), None);
    fixture.put(1, 9);
}

#[test]
fn a_save_elsewhere_spoils_a_fill_that_may_be_older() {
    let fixture = Fixture::new(10);
    for (reply, fresh) in [(4, FillOutcome::Uncertain), (5, FillOutcome::Fresh), (6, FillOutcome::Fresh)] {
        let ticket = fixture.begin(1);
        fixture.cache.invalidate(&key(1), Some(revision(5)));
        fixture.cache.invalidate(&key(1), Some(revision(3)));
        assert_eq!(fixture.complete(ticket, reply), fresh, "revision {reply} after messages about 5, then 3");
    }
}

/// The store has lost a save, or an older record was restored.
#[test]
fn a_reply_older_than_the_cached_revision_is_outdated_until_that_is_removed() {
    let fixture = Fixture::new(10);
    fixture.put(1, 6);
    let before = fixture.begin(1);
    assert_eq!(fixture.complete(fixture.begin(1), 5), FillOutcome::Outdated);
    assert_eq!(fixture.get(1), Some(6));
    fixture.cache.invalidate(&key(1), None);
    assert_eq!(fixture.complete(before, 6), FillOutcome::Uncertain, "the store was queried before");
    fixture.put(1, 5);
    assert_eq!(fixture.get(1), Some(5));
}

#[test]
fn a_record_after_an_absence_is_outdated() {
    let fixture = Fixture::new(10);
    fixture.put_absence(1);
    assert_eq!(fixture.complete(fixture.begin(1), 5), FillOutcome::Outdated);
}

#[test]
fn an_absence_is_not_cached_after_a_message_about_a_save() {
    let fixture = Fixture::new(10);
    let ticket = fixture.begin(1);
    fixture.cache.invalidate(&key(1), Some(revision(1)));
    assert_eq!(fixture.complete_absent(ticket), FillOutcome::Uncertain);
}

#[test]
fn an_older_reply_does_not_replace_a_later_one() {
    let fixture = Fixture::new(10);
    let (slow, slower) = (fixture.begin(1), fixture.begin(1));
    fixture.put(1, 6);
    assert_eq!(fixture.complete(slow, 5), FillOutcome::Uncertain);
    assert_eq!(fixture.get(1), Some(6));
    fixture.put_absence(1);
    fixture.cache.invalidate(&key(1), Some(revision(7)));
    assert_eq!(
        fixture.complete(slower, 7),
        FillOutcome::Uncertain,
        "the reply to a save that was made before"
    );
    assert_eq!(fixture.get(1), Some(0));
    fixture.cache.invalidate(&key(1), Some(Revision::LATEST));
    assert_eq!(fixture.get(1), None);
}

#[test]
fn other_sessions_do_not_spoil_a_fill() {
    let fixture = Fixture::new(10);
    let ticket = fixture.begin(1);
    fixture.cache.invalidate(&key(2), None);
    assert_eq!(fixture.complete(ticket, 1), FillOutcome::Fresh);
}

#[test]
fn a_dropped_ticket_is_closed() {
    let fixture = Fixture::new(10);
    let dropped = fixture.begin(1);
    fixture.cache.invalidate(&key(1), None);
    drop(dropped);
    fixture.put(1, 1);
}

#[test]
fn a_nodes_own_message_does_no_harm() {
    let fixture = Fixture::new(10);
    fixture.put(1, 5);
    fixture.cache.invalidate(&key(1), Some(revision(5)));
    fixture.cache.invalidate(&key(1), Some(revision(4)));
    assert_eq!(fixture.get(1), Some(5));
    fixture.cache.invalidate(&key(1), Some(revision(6)));
    assert_eq!(fixture.get(1), None);
    assert!(fixture.cache.is_empty());
}

#[test]
fn lookups_are_counted() {
    let fixture = Fixture::new(10);
    assert_eq!(fixture.cache.stats().hit_rate().to_bits(), 0.0_f64.to_bits());
    fixture.put(1, 1);
    for n in [1, 1, 1, 2] {
        let _ = fixture.get(n);
    }
    let stats = fixture.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.size), (3, 1, 1));
    assert!((stats.hit_rate() - 0.75).abs() < f64::EPSILON);
}

#[test]
fn a_stale_entry_is_served_in_an_outage_only() {
    let mut fixture = Fixture::new(10);
    fixture.put(1, 5);
    let ticket = fixture.begin(1);
    fixture.cache.mark_stale(&key(1), fixture.now);
    assert_eq!(fixture.get(1), None);
    assert_eq!(fixture.get_stale(1, FOR_EVER), Some(5));
    assert_eq!(fixture.complete(ticket, 6), FillOutcome::Uncertain, "the load began before the write");
    fixture.now += Duration::from_secs(600);
    assert_eq!(fixture.get_stale(1, FOR_EVER), None, "the session has ended");
}

#[test]
fn an_entry_of_an_earlier_generation_is_not_served_in_an_outage() {
    let fixture = Fixture::new(10);
    fixture.put(1, 5);
    fixture.cache.clear();
    assert_eq!(fixture.get_stale(1, FOR_EVER), None);
}

#[test]
fn a_distrusted_subscription_does_not_affect_the_others() {
    let fixture = Fixture::new(10);
    let other = fixture.cache.new_freshness(fixture.now, FOR_EVER);
    fixture.put(1, 1);
    assert_eq!(fixture.complete(fixture.begin_on(2, &other), 1), FillOutcome::Fresh);
    assert_eq!((fixture.get(1), fixture.get(2)), (Some(1), None), "the other subscription has no fence yet");
    other.record_fence(fixture.now);
    assert_eq!((fixture.get(1), fixture.get(2)), (Some(1), Some(1)));
    fixture.freshness.distrust();
    assert_eq!((fixture.get(1), fixture.get(2)), (None, Some(1)));
    assert_eq!(fixture.get_stale(1, FOR_EVER), Some(1));
    assert_eq!(fixture.get_stale(1, Duration::ZERO), None);
    fixture.freshness.start_generation();
    fixture.freshness.record_fence(fixture.now);
    assert_eq!((fixture.get(1), fixture.get(2), fixture.cache.len()), (None, Some(1), 1));
}

#[test]
fn a_session_that_moves_to_another_subscription_counts_once() {
    let fixture = Fixture::new(10);
    let other = fixture.cache.new_freshness(fixture.now, FOR_EVER);
    fixture.put(1, 1);
    assert_eq!(fixture.complete(fixture.begin_on(1, &other), 2), FillOutcome::Fresh);
    assert_eq!((fixture.freshness.len(), other.len(), fixture.cache.len()), (0, 1, 1));
    assert_eq!(
        fixture.complete(fixture.begin(1), 1),
        FillOutcome::Outdated,
        "a reply from before the move is older"
    );
}

#[test]
fn a_session_is_cached_or_known_to_be_absent() {
    let fixture = Fixture::new(10);
    fixture.put(1, 1);
    assert!(fixture.cache.contains(&key(1)));
    fixture.put_absence(1);
    assert_eq!((fixture.get(1), fixture.cache.len()), (Some(0), 0));
    assert!(!fixture.cache.contains(&key(1)));
}
