//! The local cache under concurrency: loom tries every interleaving of a few steps.
//!
//! ```text
//! RUSTFLAGS='--cfg loom' cargo test --release -p handstamp-core --test interleavings --target-dir target/loom
//! ```
//!
//! The cache runs on loom's locks and atomics here (`src/cache/sync.rs`). The store is a model: one revision per
//! session, behind a lock, because Redis executes one command at a time.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "these are tests, and their helpers are part of them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::cache::{
    Capacity, Expiry, FillOutcome, FillTicket, Found as CacheFound, Freshness, LoadId, LocalCache,
    SingleFlight, Versioned,
};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use loom::sync::Mutex;
use loom::thread::JoinHandle;

/// A fill races with a delete by another node and its message: once that is applied, the session is not served.
#[test]
fn a_session_deleted_during_a_fill_is_not_cached() {
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

/// The same with a save by another node: afterwards that save is served, or nothing.
#[test]
fn a_revision_replaced_during_a_fill_is_not_cached() {
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

/// The message about a delete is lost, and the gap is detected. A reader that sees the fence after the new generation is
/// served nothing from before it, and a fill that began before it is not fresh after it.
#[test]
fn nothing_of_an_earlier_generation_is_served() {
    every_interleaving(|| {
        let node = Node::new(10);
        let fence = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let filling = node.spawn({
            let fence = fence.clone();
            move |node| {
                let ticket = node.cache.begin_fill(&key(ADA), &node.freshness);
                let found = node.stored(ADA);
                let saw_fence = fence.load(Ordering::Acquire);
                let taken = node.complete(ticket, ADA, found);
                assert!(!(saw_fence && taken) || found.is_none());
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

/// Loads are shared, and two sessions evict each other from a cache of one: a read after the message about a delete
/// does not join a load from before it.
#[test]
fn a_load_from_before_an_invalidation_is_not_joined() {
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

/// The same with a new generation instead of the message.
#[test]
fn a_load_of_an_earlier_generation_is_not_joined() {
    every_interleaving(|| {
        let node = Node::new(1);
        let reading = node.spawn(|node| node.read(ADA));
        node.change(ADA, None);
        node.freshness.start_generation();
        assert_eq!(node.read(ADA), None);
        reading.join().unwrap().is_some()
    });
}

/// While nothing is invalidated, each session has one load at a time (see [`Node::load`]), however soon it is evicted
/// again.
#[test]
fn loads_of_one_session_are_shared() {
    every_interleaving(|| {
        let node = Node::new(1);
        let reading = node.spawn(|node| (node.read(ADA), node.read(BOB)));
        assert_eq!((node.read(ADA), node.read(BOB)), (Some(1), Some(1)));
        assert_eq!(reading.join().unwrap(), (Some(1), Some(1)));
        assert!(!node.overlapped.load(Ordering::Relaxed), "two loads of one session at a time");
        assert!(node.loads.is_empty());
        node.load_count.load(Ordering::Relaxed) == 2
    });
}

/// Two fills find different revisions: no older revision is served after a later one, whether the slower fill completes
/// before the message arrives or after it.
#[test]
fn an_older_reply_does_not_replace_a_later_one() {
    every_interleaving(|| {
        let node = Node::new(10);
        let slow = node.spawn(|node| node.fill(ADA).1);
        node.change(ADA, Some(2));
        let receiving = node.spawn(|node| node.invalidate(ADA, Some(2)));
        node.fill(ADA);
        let mut served = node.cached(ADA).flatten();
        let taken = slow.join().unwrap();
        let mut read_again = || {
            let before = std::mem::replace(&mut served, node.cached(ADA).flatten());
            assert!(served.is_none() || before <= served, "{before:?}, then {served:?}");
        };
        // The message may not have arrived yet.
        read_again();
        receiving.join().unwrap();
        read_again();
        taken
    });
}

/// Runs `steps` in every possible order. They return which way the race went: a test that only ever saw one way would
/// prove nothing.
fn every_interleaving(steps: impl Fn() -> bool + Send + Sync + 'static) {
    let seen = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    loom::model({
        let seen = seen.clone();
        move || seen[usize::from(steps())].store(true, Ordering::Relaxed)
    });
    assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed)), "the race always went the same way");
}

/// The counter of a session's revision; `None` if it does not exist.
type Found = Option<u8>;

/// A node with its cache, and the store behind it.
struct Node {
    store: [Mutex<Found>; 2],
    cache: LocalCache<Versioned<u8>, ()>,
    freshness: Arc<Freshness>,
    loads: SingleFlight<Arc<Load>>,
    is_loading: [AtomicBool; 2],
    overlapped: AtomicBool,
    load_count: AtomicUsize,
    expiry: Expiry,
    now: Instant,
}

/// Like a shared future: the first waiter does the work, and the others wait for it.
type Load = (LoadId, Mutex<Option<Found>>);

impl Node {
    /// Two sessions at the store, none in the cache.
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn new(max_entries: usize) -> Arc<Self> {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let cache = LocalCache::new(Capacity { entries: max_entries, ..Capacity::default() });
        let freshness = cache.new_freshness(now, Duration::from_secs(60));
        freshness.record_fence(now);
        Arc::new(Self {
            store: [Mutex::new(Some(1)), Mutex::new(Some(1))],
            cache,
            freshness,
            loads: SingleFlight::new(),
            is_loading: Default::default(),
            overlapped: Default::default(),
            load_count: Default::default(),
            expiry: Expiry { fresh_until: later, session_ends: later },
            now,
        })
    }

    fn spawn<R: 'static>(self: &Arc<Self>, steps: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let node = self.clone();
        loom::thread::spawn(move || steps(&node))
    }

    /// Another node writes to the store; this node has not received the message yet.
    fn change(&self, session: usize, found: Found) {
        *self.store[session].lock().unwrap() = found;
    }

    /// This node receives the message.
    fn invalidate(&self, session: usize, saved: Found) {
        self.cache.invalidate(&key(session), saved.map(revision));
        self.loads.detach(&key(session));
    }

    fn stored(&self, session: usize) -> Found {
        *self.store[session].lock().unwrap()
    }

    fn cached(&self, session: usize) -> Option<Found> {
        match self.cache.get(&key(session), self.now)? {
            CacheFound::Session(session) => Some(Some(session.value)),
            CacheFound::Absence(()) => Some(None),
        }
    }

    /// Queries the store, and offers the reply to the cache. Returns whether it was inserted.
    fn fill(&self, session: usize) -> (Found, bool) {
        let ticket = self.cache.begin_fill(&key(session), &self.freshness);
        let found = self.stored(session);
        (found, self.complete(ticket, session, found))
    }

    fn complete(&self, ticket: FillTicket<'_, Versioned<u8>, ()>, session: usize, found: Found) -> bool {
        let outcome = match found {
            Some(counter) => {
                let session = Versioned::new(key(session), revision(counter), counter);
                ticket.complete(session, 1, self.expiry)
            }
            None => ticket.complete_absent((), self.expiry),
        };
        outcome == FillOutcome::Fresh
    }

    /// Reads from the cache, or else from the store.
    fn read(&self, session: usize) -> Found {
        if let Some(found) = self.cached(session) {
            return found;
        }
        let start = |id| {
            let load = Arc::new((id, Mutex::new(None)));
            (load.clone(), load)
        };
        let join = |load: &Arc<Load>| Some(load.clone());
        let load = self.loads.join(&key(session), self.freshness.generation(), join, start);
        let mut reply = load.1.lock().unwrap();
        *reply.get_or_insert_with(|| {
            let found = self.load(session);
            self.loads.finish(&key(session), load.0);
            found
        })
    }

    /// One load; a reply that may be outdated is loaded again.
    fn load(&self, session: usize) -> Found {
        if self.is_loading[session].swap(true, Ordering::Relaxed) {
            self.overlapped.store(true, Ordering::Relaxed);
        }
        self.load_count.fetch_add(1, Ordering::Relaxed);
        let found = match self.fill(session) {
            (found, true) => found,
            (_, false) => self.fill(session).0,
        };
        self.is_loading[session].store(false, Ordering::Relaxed);
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
