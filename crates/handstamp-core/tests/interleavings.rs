//! The local cache between threads: every interleaving of a few steps, tried by loom.
//!
//! ```text
//! RUSTFLAGS='--cfg loom' cargo test --release -p handstamp-core --test interleavings --target-dir target/loom
//! ```
//!
//! The cache runs on loom's locks and atomics here (`src/cache/sync.rs`). The store is a model: one revision per
//! session, behind a lock, because Redis answers one command at a time.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "these are tests, and their helpers are part of them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::cache::{Capacity, Expiry, FillOutcome, Freshness, LoadId, LocalCache, SingleFlight};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use loom::sync::Mutex;
use loom::thread::JoinHandle;

/// A fill races with a deletion elsewhere and its message: once that is applied, the session is not served.
#[test]
fn what_is_deleted_during_a_fill_is_not_cached() {
    every_interleaving(|| {
        let node = Node::new(10);
        let filling = node.spawn(|node| node.fill(ADA).1);
        node.change(ADA, None);
        node.invalidate(ADA, None);
        assert_ne!(node.cached(ADA), Some(Some(1)));
        let taken = filling.join().unwrap();
        assert_ne!(node.cached(ADA), Some(Some(1)));
        taken
    });
}

/// The same with a save elsewhere: what is served afterwards is that save, or nothing.
#[test]
fn what_is_replaced_during_a_fill_is_not_cached() {
    every_interleaving(|| {
        let node = Node::new(10);
        let filling = node.spawn(|node| node.fill(ADA).1);
        node.change(ADA, Some(2));
        node.invalidate(ADA, Some(2));
        assert_ne!(node.cached(ADA), Some(Some(1)));
        let taken = filling.join().unwrap();
        assert_ne!(node.cached(ADA), Some(Some(1)));
        taken
    });
}

/// The message of a deletion is lost, and the gap is noticed. Whoever sees the fence that is passed after the flush is
/// served nothing from before it; and a fill that was begun before it is not called good after it.
#[test]
fn nothing_from_before_a_flush_is_served_after_it() {
    every_interleaving(|| {
        let node = Node::new(10);
        let fence = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let filling = node.spawn({
            let fence = fence.clone();
            move |node| {
                let ticket = node.cache.begin_fill(&key(ADA), &node.freshness);
                let found = node.stored(ADA);
                let flushed = fence.load(Ordering::Acquire);
                let taken = ticket.complete(found.map(revision), found, 1, node.expiry) == FillOutcome::Fresh;
                assert!(!(flushed && taken) || found.is_none());
                taken
            }
        });
        let reading = node.spawn({
            let fence = fence.clone();
            move |node| (fence.load(Ordering::Acquire), node.cached(ADA))
        });
        node.change(ADA, None);
        node.freshness.start_generation();
        fence.store(true, Ordering::Release);
        assert_ne!(reading.join().unwrap(), (true, Some(Some(1))));
        let taken = filling.join().unwrap();
        assert_ne!(node.cached(ADA), Some(Some(1)));
        taken
    });
}

/// Loads are shared, and two sessions push each other out of a cache for one: whoever comes after the message of a
/// deletion is not given what a flight from before it brings.
#[test]
fn nobody_joins_a_flight_from_before_an_invalidation() {
    every_interleaving(|| {
        let node = Node::new(1);
        let reading = node.spawn(|node| {
            let found = node.read(ADA);
            node.fill(BOB);
            found
        });
        node.change(ADA, None);
        node.invalidate(ADA, None);
        assert_eq!(node.read(ADA), None);
        reading.join().unwrap().is_some()
    });
}

/// The same, with a flush in the place of the message.
#[test]
fn nobody_joins_a_flight_from_before_a_flush() {
    every_interleaving(|| {
        let node = Node::new(1);
        let reading = node.spawn(|node| node.read(ADA));
        node.change(ADA, None);
        node.freshness.start_generation();
        assert_eq!(node.read(ADA), None);
        reading.join().unwrap().is_some()
    });
}

/// While nothing is invalidated, the store is asked for each session by one at a time (see [`Node::load`]), however
/// soon it is pushed out again.
#[test]
fn loads_of_one_session_are_shared() {
    every_interleaving(|| {
        let node = Node::new(1);
        let reading = node.spawn(|node| (node.read(ADA), node.read(BOB)));
        assert_eq!((node.read(ADA), node.read(BOB)), (Some(1), Some(1)));
        assert_eq!(reading.join().unwrap(), (Some(1), Some(1)));
        assert!(!node.overlapped.load(Ordering::Relaxed), "two loads of one session at a time");
        assert!(node.flights.is_empty());
        node.loads.load(Ordering::Relaxed) == 2
    });
}

/// Two fills find different revisions: what was served is not followed by an older revision, whether the slower fill
/// comes before the message or after it.
#[test]
fn an_older_answer_does_not_take_the_place_of_a_newer_one() {
    every_interleaving(|| {
        let node = Node::new(10);
        let slow = node.spawn(|node| node.fill(ADA).1);
        node.change(ADA, Some(2));
        let hearing = node.spawn(|node| node.invalidate(ADA, Some(2)));
        node.fill(ADA);
        let mut served = node.cached(ADA).flatten();
        let taken = slow.join().unwrap();
        let mut read_again = || {
            let before = std::mem::replace(&mut served, node.cached(ADA).flatten());
            assert!(served.is_none() || before <= served, "{before:?}, then {served:?}");
        };
        // The message may still be under way.
        read_again();
        hearing.join().unwrap();
        read_again();
        taken
    });
}

/// Runs `steps` once for each order that they can take. They return whether the race went one way or the other: a
/// test that only ever saw one of both would show nothing.
fn every_interleaving(steps: impl Fn() -> bool + Send + Sync + 'static) {
    let seen = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    loom::model({
        let seen = seen.clone();
        move || seen[usize::from(steps())].store(true, Ordering::Relaxed)
    });
    assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed)), "the race always went the same way");
}

/// What there is of a session, by the counter of its revision; `None` if there is none.
type Found = Option<u8>;

/// A node with its cache, and the store behind it.
struct Node {
    store: [Mutex<Found>; 2],
    cache: LocalCache<Found>,
    freshness: Arc<Freshness>,
    flights: SingleFlight<Arc<Flight>>,
    under_way: [AtomicBool; 2],
    overlapped: AtomicBool,
    loads: AtomicUsize,
    expiry: Expiry,
    now: Instant,
}

/// Like a shared future: whoever looks first does the work, and the others wait for it.
type Flight = (LoadId, Mutex<Option<Found>>);

impl Node {
    /// Two sessions at the store, none in the cache.
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn new(max_entries: usize) -> Arc<Self> {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let cache = LocalCache::new(Capacity { sessions: max_entries, ..Capacity::default() });
        let freshness = cache.new_freshness(now, Duration::from_secs(60));
        freshness.record_fence(now);
        Arc::new(Self {
            store: [Mutex::new(Some(1)), Mutex::new(Some(1))],
            cache,
            freshness,
            flights: SingleFlight::new(),
            under_way: Default::default(),
            overlapped: Default::default(),
            loads: Default::default(),
            expiry: Expiry { fresh_until: later, session_ends: later },
            now,
        })
    }

    fn spawn<R: 'static>(self: &Arc<Self>, steps: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let node = self.clone();
        loom::thread::spawn(move || steps(&node))
    }

    /// Another node writes to the store. This one has not heard of it yet.
    fn change(&self, session: usize, found: Found) {
        *self.store[session].lock().unwrap() = found;
    }

    /// This node hears of it.
    fn invalidate(&self, session: usize, saved: Found) {
        self.cache.invalidate(&key(session), saved.map(revision));
        self.flights.detach(&key(session));
    }

    fn stored(&self, session: usize) -> Found {
        *self.store[session].lock().unwrap()
    }

    fn cached(&self, session: usize) -> Option<Found> {
        self.cache.get(&key(session), self.now)
    }

    /// Asks the store, and offers the answer to the cache. Returns whether that took it.
    fn fill(&self, session: usize) -> (Found, bool) {
        let ticket = self.cache.begin_fill(&key(session), &self.freshness);
        let found = self.stored(session);
        (found, ticket.complete(found.map(revision), found, 1, self.expiry) == FillOutcome::Fresh)
    }

    /// What the cache knows, or else the store.
    fn read(&self, session: usize) -> Found {
        if let Some(found) = self.cached(session) {
            return found;
        }
        let depart = |number| {
            let flight = Arc::new((number, Mutex::new(None)));
            (flight.clone(), flight)
        };
        let board = |flight: &Arc<Flight>| Some(flight.clone());
        let flight = self.flights.join(&key(session), self.freshness.generation(), board, depart);
        let mut brought = flight.1.lock().unwrap();
        *brought.get_or_insert_with(|| {
            let found = self.load(session);
            self.flights.finish(&key(session), flight.0);
            found
        })
    }

    /// One load: an answer that may be outdated is asked for again.
    fn load(&self, session: usize) -> Found {
        if self.under_way[session].swap(true, Ordering::Relaxed) {
            self.overlapped.store(true, Ordering::Relaxed);
        }
        self.loads.fetch_add(1, Ordering::Relaxed);
        let found = match self.fill(session) {
            (found, true) => found,
            (_, false) => self.fill(session).0,
        };
        self.under_way[session].store(false, Ordering::Relaxed);
        found
    }
}

fn key(session: usize) -> SessionKey {
    SessionKey::from_bytes([session as u8; SessionKey::LEN])
}

fn revision(counter: u8) -> Revision {
    let mut bytes = [0; Revision::LEN];
    bytes[7] = counter;
    Revision::from_bytes(bytes)
}

const ADA: usize = 0;
const BOB: usize = 1;
