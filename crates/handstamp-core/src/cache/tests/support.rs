use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::*;
use crate::id::SessionKey;
use crate::record::Revision;

pub(super) fn key(n: u8) -> SessionKey {
    SessionKey::from_bytes([n; 32])
}

pub(super) fn revision(counter: u8) -> Revision {
    Revision::from_bytes([0, 0, 0, 0, 0, 0, 0, counter, 7, 7, 7, 7, 7, 7, 7, 7])
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn sessions(sessions: usize) -> Capacity {
    Capacity { entries: sessions, ..Capacity::default() }
}

pub(super) fn for_a_minute(now: Instant) -> Expiry {
    Expiry { fresh_until: now + Duration::from_secs(60), session_ends: now + Duration::from_secs(600) }
}

/// The size given with each value, in bytes.
pub(super) const SIZE: usize = 1_000;

pub(super) const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A fill ticket of session `n`.
pub(super) struct Ticket<'c> {
    pub(super) n: u8,
    pub(super) ticket: FillTicket<'c, Versioned<u8>, ()>,
}

pub(super) fn session(n: u8, counter: u8) -> Versioned<u8> {
    Versioned::new(key(n), revision(counter), counter)
}

pub(super) fn counter(found: Found<Versioned<u8>, ()>) -> u8 {
    match found {
        Found::Session(session) => session.value,
        Found::Absence(()) => 0,
    }
}

/// A cache whose entries stay fresh for a minute.
pub(super) struct Fixture {
    pub(super) cache: LocalCache<Versioned<u8>, ()>,
    pub(super) freshness: Arc<Freshness>,
    pub(super) now: Instant,
}

impl Fixture {
    pub(super) fn new(max_entries: usize) -> Self {
        let (cache, now) = (LocalCache::new(sessions(max_entries)), start());
        let freshness = cache.new_freshness(now, FOR_EVER);
        freshness.record_fence(now);
        Self { cache, freshness, now }
    }

    pub(super) fn begin(&self, n: u8) -> Ticket<'_> {
        self.begin_on(n, &self.freshness)
    }

    pub(super) fn begin_on<'c>(&'c self, n: u8, freshness: &'c Arc<Freshness>) -> Ticket<'c> {
        Ticket { n, ticket: self.cache.begin_fill(&key(n), freshness) }
    }

    pub(super) fn complete(&self, ticket: Ticket<'_>, counter: u8) -> FillOutcome {
        ticket.ticket.complete(session(ticket.n, counter), SIZE, for_a_minute(self.now))
    }

    pub(super) fn complete_absent(&self, ticket: Ticket<'_>) -> FillOutcome {
        ticket.ticket.complete_absent((), for_a_minute(self.now))
    }

    #[track_caller]
    pub(super) fn put(&self, n: u8, counter: u8) {
        assert_eq!(self.complete(self.begin(n), counter), FillOutcome::Fresh);
    }

    #[track_caller]
    pub(super) fn put_absence(&self, n: u8) {
        assert_eq!(self.complete_absent(self.begin(n)), FillOutcome::Fresh);
    }

    /// The counter of the cached revision; zero if the session does not exist.
    pub(super) fn get(&self, n: u8) -> Option<u8> {
        self.cache.get(&key(n), self.now).map(counter)
    }

    pub(super) fn get_stale(&self, n: u8, limit: Duration) -> Option<u8> {
        self.cache.get_stale(&key(n), self.now, limit).map(counter)
    }
}
