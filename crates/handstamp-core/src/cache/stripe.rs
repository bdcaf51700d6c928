use std::time::{Duration, Instant};

use lru::LruCache;

use super::entry::Entry;
use super::hasher::BuildHash64;
use super::open_tickets::OpenTickets;
use super::{CacheStats, Capacity};
use crate::id::SessionKey;
use crate::record::Revision;

/// The part of a cache that one lock protects.
pub(super) struct Stripe<V> {
    /// Sessions that exist.
    sessions: Entries<V>,
    /// Sessions that do not exist. Kept separately, so that a client with many invalid ids evicts no session.
    absences: Entries<V>,
    capacity: Capacity,
    /// Memory of the sessions.
    bytes: usize,
    pub(super) tickets: OpenTickets,
    stats: CacheStats,
}

/// The cached copy of a key's session, or its absence.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Cached {
    Nothing,
    Absence,
    Session(Revision),
}

type Entries<V> = LruCache<SessionKey, Entry<V>, BuildHash64>;

/// Values to drop after the lock is released, because `V::drop` may take long.
pub(super) type Removed<V> = Vec<V>;

impl<V> Stripe<V> {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            sessions: LruCache::unbounded_with_hasher(BuildHash64::default()),
            absences: LruCache::unbounded_with_hasher(BuildHash64::default()),
            capacity,
            bytes: 0,
            tickets: OpenTickets::default(),
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
            now < entry.expiry.session_ends && entry.freshness.was_fresh(now, limit) && entry.is_current()
        });
        found.map(|entry| entry.value.clone())
    }

    /// Whether a session is cached for `key`, fresh or stale.
    pub(super) fn contains(&self, key: &SessionKey) -> bool {
        self.sessions.peek(key).is_some_and(Entry::is_current)
    }

    /// The copy of `key`, fresh or stale.
    pub(super) fn cached(&self, key: &SessionKey) -> Cached {
        match self.peek(key).map(|entry| entry.revision) {
            None => Cached::Nothing,
            Some(None) => Cached::Absence,
            Some(Some(revision)) => Cached::Session(revision),
        }
    }

    /// Whether a later revision than the loaded one is cached.
    pub(super) fn has_later_than(&self, key: &SessionKey, revision: Option<Revision>) -> bool {
        self.peek(key).is_some_and(|entry| entry.is_later_than(revision))
    }

    pub(super) fn insert(&mut self, key: SessionKey, entry: Entry<V>) -> Removed<V> {
        let mut removed = self.remove(&key);
        if entry.revision.is_none() {
            removed.extend(self.insert_absence(key, entry));
            return removed;
        }
        if self.capacity.entries == 0 || entry.size > self.capacity.bytes {
            removed.push(entry.value);
            return removed;
        }
        entry.freshness.session_inserted(entry.generation);
        self.bytes += entry.size;
        self.sessions.push(key, entry);
        while self.sessions.len() > self.capacity.entries || self.bytes > self.capacity.bytes {
            let Some((_, evicted)) = self.sessions.pop_lru() else { break };
            self.stats.evictions += 1;
            removed.push(self.release(evicted));
        }
        removed
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

    pub(super) fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) -> Removed<V> {
        self.tickets.invalidate(key, saved);
        if self.peek(key).is_none_or(|entry| entry.survives(saved)) {
            Removed::new()
        } else {
            self.remove(key)
        }
    }

    pub(super) fn mark_stale(&mut self, key: &SessionKey, now: Instant) {
        self.tickets.invalidate(key, None);
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

    fn entry(&mut self, key: &SessionKey) -> Option<&Entry<V>> {
        match self.sessions.get(key) {
            Some(entry) => Some(entry),
            None => self.absences.get(key),
        }
    }

    fn remove(&mut self, key: &SessionKey) -> Removed<V> {
        let session = self.sessions.pop(key).map(|entry| self.release(entry));
        let absence = self.absences.pop(key).map(|entry| entry.value);
        session.into_iter().chain(absence).collect()
    }

    fn release(&mut self, entry: Entry<V>) -> V {
        self.bytes -= entry.size;
        entry.freshness.session_removed(entry.generation);
        entry.value
    }
}
