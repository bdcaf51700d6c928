use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::id::SessionKey;
use crate::record::Revision;

fn key(n: u8) -> SessionKey {
    SessionKey::from_bytes([n; 32])
}

fn revision(counter: u8) -> Revision {
    Revision::from_bytes([0, 0, 0, 0, 0, 0, 0, counter, 7, 7, 7, 7, 7, 7, 7, 7])
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

fn sessions(sessions: usize) -> Capacity {
    Capacity { sessions, ..Capacity::default() }
}

fn for_a_minute(now: Instant) -> Expiry {
    Expiry { fresh_until: now + Duration::from_secs(60), session_ends: now + Duration::from_secs(600) }
}

/// The bytes that each value is said to take.
const SIZE: usize = 1_000;

const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A cache whose entries stay in date for a minute.
struct Fixture {
    cache: LocalCache<u8>,
    freshness: Arc<Freshness>,
    now: Instant,
}

impl Fixture {
    fn new(max_entries: usize) -> Self {
        let (cache, now) = (LocalCache::new(sessions(max_entries)), start());
        let freshness = cache.new_freshness(now, FOR_EVER);
        freshness.record_fence(now);
        Self { cache, freshness, now }
    }

    fn begin(&self, n: u8) -> FillTicket<'_, u8> {
        self.cache.begin_fill(&key(n), &self.freshness)
    }

    fn complete(&self, ticket: FillTicket<'_, u8>, counter: u8) -> FillOutcome {
        ticket.complete(Some(revision(counter)), counter, SIZE, for_a_minute(self.now))
    }

    #[track_caller]
    fn put(&self, n: u8, counter: u8) {
        assert_eq!(self.complete(self.begin(n), counter), FillOutcome::Fresh);
    }

    fn get(&self, n: u8) -> Option<u8> {
        self.cache.get(&key(n), self.now)
    }
}

#[test]
fn a_value_is_found_until_it_is_out_of_date() {
    let mut fixture = Fixture::new(10);
    assert_eq!(fixture.get(1), None);
    fixture.put(1, 5);
    assert_eq!(fixture.get(1), Some(5));
    fixture.now += Duration::from_secs(60);
    assert_eq!(fixture.get(1), None);
}

#[test]
fn the_least_recently_used_gives_way() {
    let fixture = Fixture::new(3);
    for n in [1, 2, 3] {
        fixture.put(n, n);
    }
    assert_eq!(fixture.get(1), Some(1));
    fixture.put(4, 4);
    assert_eq!(fixture.get(2), None, "2 was used longest ago");
    assert_eq!((fixture.get(1), fixture.get(3), fixture.get(4)), (Some(1), Some(3), Some(4)));
    assert_eq!(fixture.cache.len(), 3);
    assert_eq!(fixture.cache.stats().evictions, 1);
}

#[test]
fn the_bound_holds_over_all_stripes() {
    let cache = LocalCache::new(sessions(1_000));
    let freshness = cache.new_freshness(start(), FOR_EVER);
    for n in 0..5_000_u64 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let ticket = cache.begin_fill(&SessionKey::from_bytes(bytes), &freshness);
        assert_eq!(ticket.complete(Some(revision(1)), n, SIZE, for_a_minute(start())), FillOutcome::Fresh);
    }
    assert!((900..=1_000).contains(&cache.len()), "{}", cache.len());
}

#[test]
fn without_room_nothing_is_kept() {
    let fixture = Fixture::new(0);
    fixture.put(1, 1);
    assert_eq!(fixture.get(1), None);
    assert!(fixture.cache.is_empty());
    assert_eq!(fixture.cache.stats().evictions, 0);
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
        assert_eq!(fixture.complete(ticket, reply), fresh, "revision {reply} after hearing of 5, then of 3");
    }
}

/// The store has lost a save, or been given an older record.
#[test]
fn a_reply_older_than_what_was_held_is_outdated_until_that_is_dropped() {
    let fixture = Fixture::new(10);
    fixture.put(1, 6);
    let before = fixture.begin(1);
    assert_eq!(fixture.complete(fixture.begin(1), 5), FillOutcome::Outdated);
    assert_eq!(fixture.get(1), Some(6));
    fixture.cache.invalidate(&key(1), None);
    assert_eq!(fixture.complete(before, 6), FillOutcome::Uncertain, "the store was asked before");
    fixture.put(1, 5);
    assert_eq!(fixture.get(1), Some(5));
}

#[test]
fn a_record_where_there_was_none_is_outdated() {
    let fixture = Fixture::new(10);
    assert_eq!(fixture.begin(1).complete(None, 0, SIZE, for_a_minute(fixture.now)), FillOutcome::Fresh);
    assert_eq!(fixture.complete(fixture.begin(1), 5), FillOutcome::Outdated);
}

#[test]
fn not_there_is_not_believed_after_hearing_of_a_save() {
    let fixture = Fixture::new(10);
    let ticket = fixture.begin(1);
    fixture.cache.invalidate(&key(1), Some(revision(1)));
    assert_eq!(ticket.complete(None, 0, SIZE, for_a_minute(fixture.now)), FillOutcome::Uncertain);
}

#[test]
fn an_older_answer_does_not_take_the_place_of_a_later_one() {
    let fixture = Fixture::new(10);
    let (slow, slower) = (fixture.begin(1), fixture.begin(1));
    fixture.put(1, 6);
    assert_eq!(fixture.complete(slow, 5), FillOutcome::Uncertain);
    assert_eq!(fixture.get(1), Some(6));
    assert_eq!(
        fixture.begin(1).complete(None, 0, SIZE, for_a_minute(fixture.now)),
        FillOutcome::Fresh,
        "it was deleted"
    );
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
fn a_ticket_that_is_dropped_leaves_nothing_behind() {
    let fixture = Fixture::new(10);
    let dropped = fixture.begin(1);
    fixture.cache.invalidate(&key(1), None);
    drop(dropped);
    fixture.put(1, 1);
}

#[test]
fn ones_own_message_does_no_harm() {
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

/// What may happen to a cache of three sessions.
#[derive(Clone, Debug)]
enum Step {
    Begin(u8),
    Clear,
    Complete { ticket: prop::sample::Index, counter: u8 },
    Delete(u8),
    Save(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8).prop_map(Step::Begin),
        1 => Just(Step::Clear),
        4 => (any::<prop::sample::Index>(), 1..6_u8)
            .prop_map(|(ticket, counter)| Step::Complete { ticket, counter }),
        1 => (0..3_u8).prop_map(Step::Delete),
        2 => (0..3_u8, 1..6_u8).prop_map(|(n, counter)| Step::Save(n, counter)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens, in whatever order: nothing that is served is older than what was heard since its
    /// ticket was taken.
    #[test]
    fn nothing_is_served_that_an_invalidation_forbids(steps in steps()) {
        let fixture = Fixture::new(2);
        // The floor under each open ticket and each entry: what was heard since. `None` forbids everything.
        let mut tickets: Vec<(u8, FillTicket<'_, u8>, Option<u8>)> = Vec::new();
        let mut floors: HashMap<u8, Option<u8>> = HashMap::new();
        let raise = |floor: &mut Option<u8>, counter: u8| *floor = floor.map(|floor| floor.max(counter));
        for step in steps {
            match step {
                Step::Begin(n) => tickets.push((n, fixture.begin(n), Some(0))),
                Step::Clear => {
                    fixture.cache.clear();
                    floors.clear();
                    tickets.iter_mut().for_each(|(_, _, floor)| *floor = None);
                }
                Step::Complete { ticket, counter } if !tickets.is_empty() => {
                    let (n, ticket, floor) = tickets.swap_remove(ticket.index(tickets.len()));
                    if fixture.complete(ticket, counter) == FillOutcome::Fresh {
                        prop_assert!(floor.is_some_and(|floor| counter >= floor));
                        floors.insert(n, floor);
                    }
                }
                Step::Complete { .. } => {}
                Step::Delete(n) => {
                    fixture.cache.invalidate(&key(n), None);
                    floors.remove(&n);
                    tickets.iter_mut().filter(|ticket| ticket.0 == n).for_each(|(_, _, floor)| *floor = None);
                }
                Step::Save(n, counter) => {
                    fixture.cache.invalidate(&key(n), Some(revision(counter)));
                    floors.entry(n).and_modify(|floor| raise(floor, counter));
                    tickets.iter_mut().filter(|t| t.0 == n).for_each(|(_, _, floor)| raise(floor, counter));
                }
            }
            let mut present = 0;
            for n in 0..3 {
                if let Some(counter) = fixture.get(n) {
                    present += 1;
                    prop_assert!(floors[&n].is_some_and(|floor| counter >= floor));
                }
            }
            prop_assert_eq!(fixture.cache.len(), present);
            prop_assert!(present <= 2);
        }
    }
}

#[test]
fn what_may_be_outdated_is_kept_for_an_outage_only() {
    let mut fixture = Fixture::new(10);
    fixture.put(1, 5);
    let ticket = fixture.begin(1);
    fixture.cache.mark_stale(&key(1), fixture.now);
    assert_eq!(fixture.get(1), None);
    assert_eq!(fixture.cache.get_stale(&key(1), fixture.now, FOR_EVER), Some(5));
    assert_eq!(
        fixture.complete(ticket, 6),
        FillOutcome::Uncertain,
        "what was asked for before the write is no better"
    );
    fixture.now += Duration::from_secs(600);
    assert_eq!(fixture.cache.get_stale(&key(1), fixture.now, FOR_EVER), None, "the session has ended");
}

#[test]
fn nothing_of_an_earlier_generation_serves_in_an_outage() {
    let fixture = Fixture::new(10);
    fixture.put(1, 5);
    fixture.cache.clear();
    assert_eq!(fixture.cache.get_stale(&key(1), fixture.now, FOR_EVER), None);
}

#[test]
fn a_freshness_that_is_not_heard_serves_nothing_and_the_others_go_on() {
    let fixture = Fixture::new(10);
    let other = fixture.cache.new_freshness(fixture.now, FOR_EVER);
    fixture.put(1, 1);
    assert_eq!(fixture.complete(fixture.cache.begin_fill(&key(2), &other), 1), FillOutcome::Fresh);
    assert_eq!((fixture.get(1), fixture.get(2)), (Some(1), None), "nothing is proved on the other freshness");
    other.record_fence(fixture.now);
    assert_eq!((fixture.get(1), fixture.get(2)), (Some(1), Some(1)));
    fixture.freshness.distrust();
    assert_eq!((fixture.get(1), fixture.get(2)), (None, Some(1)));
    assert_eq!(fixture.cache.get_stale(&key(1), fixture.now, FOR_EVER), Some(1));
    assert_eq!(fixture.cache.get_stale(&key(1), fixture.now, Duration::ZERO), None);
    fixture.freshness.start_generation();
    fixture.freshness.record_fence(fixture.now);
    assert_eq!((fixture.get(1), fixture.get(2), fixture.cache.len()), (None, Some(1), 1));
}

#[test]
fn what_moves_to_another_freshness_counts_once() {
    let fixture = Fixture::new(10);
    let other = fixture.cache.new_freshness(fixture.now, FOR_EVER);
    fixture.put(1, 1);
    assert_eq!(fixture.complete(fixture.cache.begin_fill(&key(1), &other), 2), FillOutcome::Fresh);
    assert_eq!((fixture.freshness.len(), other.len(), fixture.cache.len()), (0, 1, 1));
    assert_eq!(
        fixture.complete(fixture.begin(1), 1),
        FillOutcome::Outdated,
        "a reply from before the move is older"
    );
}

fn nth_key(n: u64) -> SessionKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    SessionKey::from_bytes(bytes)
}

/// K8.1
#[test]
fn k8_1_the_bound_in_bytes_holds_whatever_the_sizes() {
    const BYTES: usize = 64 << 20;
    let cache = LocalCache::new(Capacity { sessions: 1_000_000, bytes: BYTES });
    let freshness = cache.new_freshness(start(), FOR_EVER);
    for n in 0..5_000_u64 {
        let size = if n % 2 == 0 { 100_000 } else { 500 };
        let _ = cache.begin_fill(&nth_key(n), &freshness).complete(
            Some(revision(1)),
            n,
            size,
            for_a_minute(start()),
        );
        assert!(cache.stats().bytes <= BYTES);
    }
    assert!(cache.stats().bytes > BYTES / 10 * 9, "{:?}", cache.stats());
    for n in 0..5_000_u64 {
        cache.invalidate(&nth_key(n), None);
    }
    assert_eq!((cache.stats().bytes, cache.len()), (0, 0));
}

/// K8.1
#[test]
fn k8_1_a_session_larger_than_the_cache_is_not_kept_and_evicts_nothing() {
    let cache = LocalCache::new(Capacity { sessions: 10, bytes: 2_500 });
    let (freshness, now) = (cache.new_freshness(start(), FOR_EVER), start());
    freshness.record_fence(now);
    for (n, size) in [(1, 1_000), (2, 1_000), (3, 3_000)] {
        assert_eq!(
            cache.begin_fill(&key(n), &freshness).complete(Some(revision(1)), n, size, for_a_minute(now)),
            FillOutcome::Fresh
        );
    }
    let held = |n| cache.get(&key(n), now);
    assert_eq!((held(1), held(2), held(3)), (Some(1), Some(2), None));
    assert_eq!(
        cache.begin_fill(&key(1), &freshness).complete(Some(revision(2)), 1, 3_000, for_a_minute(now)),
        FillOutcome::Fresh
    );
    assert_eq!(
        (held(1), held(2), cache.stats().bytes),
        (None, Some(2), 1_000),
        "the smaller one is out of date"
    );
}

/// K8.3
#[test]
fn k8_3_sessions_that_are_not_there_evict_none_that_is() {
    let fixture = Fixture::new(10);
    for n in 0..10 {
        fixture.put(n, 1);
    }
    for n in 100..200 {
        assert_eq!(fixture.begin(n).complete(None, 0, SIZE, for_a_minute(fixture.now)), FillOutcome::Fresh);
    }
    assert!((0..10).all(|n| fixture.get(n) == Some(1)));
    assert_eq!(fixture.get(199), Some(0), "the latest are remembered");
    assert_eq!(fixture.get(100), None);
    assert_eq!((fixture.cache.len(), fixture.cache.stats().bytes), (10, 10 * SIZE));
}

#[test]
fn a_session_is_held_or_known_to_be_absent() {
    let fixture = Fixture::new(10);
    fixture.put(1, 1);
    assert!(fixture.cache.contains(&key(1)));
    assert_eq!(fixture.begin(1).complete(None, 0, SIZE, for_a_minute(fixture.now)), FillOutcome::Fresh);
    assert_eq!((fixture.get(1), fixture.cache.len()), (Some(0), 0));
    assert!(!fixture.cache.contains(&key(1)));
}
