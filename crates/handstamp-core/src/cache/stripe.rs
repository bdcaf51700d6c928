use std::time::{Duration, Instant};

use lru::LruCache;

use super::entry::Entry;
use super::hasher::BuildHash64;
use super::tickets::Tickets;
use super::{CacheStats, Capacity};
use crate::id::SessionKey;
use crate::record::Revision;

/// What stands behind one lock.
pub(super) struct Stripe<V> {
    /// Sessions that are there.
    sessions: Entries<V>,
    /// Sessions that are not there, apart from the others: a client with many dead cookies evicts none that is alive.
    absences: Entries<V>,
    capacity: Capacity,
    /// The memory that the sessions take.
    bytes: usize,
    pub(super) tickets: Tickets,
    stats: CacheStats,
}

/// What a cache holds for a key.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Held {
    Nothing,
    Absence,
    Session(Revision),
}

type Entries<V> = LruCache<SessionKey, Entry<V>, BuildHash64>;

/// Values to be dropped after the lock is free, since their own `Drop` may take long.
pub(super) type Dropped<V> = Vec<V>;

impl<V> Stripe<V> {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            sessions: LruCache::unbounded_with_hasher(BuildHash64::default()),
            absences: LruCache::unbounded_with_hasher(BuildHash64::default()),
            capacity,
            bytes: 0,
            tickets: Tickets::default(),
            stats: CacheStats::default(),
        }
    }

    pub(super) fn get(&mut self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        let found = self.entry(key).filter(|entry| entry.is_fresh(now)).map(|entry| entry.value.clone());
        match found {
            Some(_) => self.stats.hits += 1,
            None => self.stats.misses += 1,
        }
        found
    }

    pub(super) fn get_stale(&mut self, key: &SessionKey, now: Instant, limit: Duration) -> Option<V>
    where
        V: Clone,
    {
        let found = self.entry(key).filter(|entry| {
            now < entry.expiry.session_ends && entry.freshness.was_fresh(now, limit) && entry.counts()
        });
        found.map(|entry| entry.value.clone())
    }

    /// Whether a session is held for `key`, be it out of date.
    pub(super) fn holds(&self, key: &SessionKey) -> bool {
        self.sessions.peek(key).is_some_and(Entry::counts)
    }

    /// What is held for `key`, be it out of date.
    pub(super) fn held(&self, key: &SessionKey) -> Held {
        match self.peek(key).map(|entry| entry.revision) {
            None => Held::Nothing,
            Some(None) => Held::Absence,
            Some(Some(revision)) => Held::Session(revision),
        }
    }

    /// Whether the reply of this revision is older than what is held.
    pub(super) fn holds_later_than(&self, key: &SessionKey, revision: Option<Revision>) -> bool {
        self.peek(key).is_some_and(|entry| entry.is_later_than(revision))
    }

    pub(super) fn insert(&mut self, key: SessionKey, entry: Entry<V>) -> Dropped<V> {
        let mut dropped = self.remove(&key);
        if entry.revision.is_none() {
            dropped.extend(self.insert_absence(key, entry));
            return dropped;
        }
        if self.capacity.sessions == 0 || entry.size > self.capacity.bytes {
            dropped.push(entry.value);
            return dropped;
        }
        entry.freshness.arrived(entry.generation_count);
        self.bytes += entry.size;
        self.sessions.push(key, entry);
        while self.sessions.len() > self.capacity.sessions || self.bytes > self.capacity.bytes {
            let Some((_, evicted)) = self.sessions.pop_lru() else { break };
            self.stats.evictions += 1;
            dropped.push(self.left(evicted));
        }
        dropped
    }

    fn insert_absence(&mut self, key: SessionKey, entry: Entry<V>) -> Option<V> {
        if self.capacity.absences() == 0 {
            return Some(entry.value);
        }
        self.absences.push(key, entry);
        let evicted =
            if self.absences.len() > self.capacity.absences() { self.absences.pop_lru() } else { None };
        evicted.map(|(_, evicted)| evicted.value)
    }

    pub(super) fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) -> Dropped<V> {
        self.tickets.raise(key, saved);
        if self.peek(key).is_none_or(|entry| entry.survives(saved)) {
            Dropped::new()
        } else {
            self.remove(key)
        }
    }

    pub(super) fn mark_stale(&mut self, key: &SessionKey, now: Instant) {
        self.tickets.raise(key, None);
        for entries in [&mut self.sessions, &mut self.absences] {
            if let Some(entry) = entries.peek_mut(key) {
                entry.expiry.fresh_until = entry.expiry.fresh_until.min(now);
            }
        }
    }

    pub(super) fn stats(&self) -> CacheStats {
        CacheStats { bytes: self.bytes, ..self.stats }
    }

    fn peek(&self, key: &SessionKey) -> Option<&Entry<V>> {
        self.sessions.peek(key).or_else(|| self.absences.peek(key))
    }

    /// One of the two kinds at most is held for a session.
    fn entry(&mut self, key: &SessionKey) -> Option<&Entry<V>> {
        match self.sessions.get(key) {
            Some(entry) => Some(entry),
            None => self.absences.get(key),
        }
    }

    fn remove(&mut self, key: &SessionKey) -> Dropped<V> {
        let session = self.sessions.pop(key).map(|entry| self.left(entry));
        let absence = self.absences.pop(key).map(|entry| entry.value);
        session.into_iter().chain(absence).collect()
    }

    fn left(&mut self, entry: Entry<V>) -> V {
        self.bytes -= entry.size;
        entry.freshness.left(entry.generation_count);
        entry.value
    }
}
