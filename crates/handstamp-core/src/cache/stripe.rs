use std::time::{Duration, Instant};

use super::entry::{AbsenceEntry, SessionEntry, Validity};
use super::open_tickets::OpenTickets;
use super::s3_fifo::S3Fifo;
use super::sync::{Mutex, ReadMostly};
use super::{CacheStats, CachedSession, Capacity, Found};
use crate::id::SessionKey;
use crate::record::Revision;

/// A part of a cache, with locks of its own.
pub(super) struct Stripe<S, A> {
    /// Locked during every change of the stripe, before its entries are.
    pub(super) tickets: Mutex<OpenTickets>,
    pub(super) entries: ReadMostly<Entries<S, A>>,
}

pub(super) struct Entries<S, A> {
    /// Sessions that exist.
    sessions: S3Fifo<SessionEntry<S>>,
    /// Sessions that do not exist. Kept separately, so that a client with many invalid ids evicts no session.
    absences: S3Fifo<AbsenceEntry<A>>,
    evictions: u64,
}

/// The copy of a key's session, fresh or stale, or its absence.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum CachedCopy {
    Nothing,
    Absence,
    Session(Revision),
}

/// Sessions to drop after the lock is released, because `S::drop` may take long.
pub(super) type Removed<S> = Vec<S>;

impl<S: CachedSession, A> Stripe<S, A> {
    pub(super) fn new(capacity: Capacity) -> Self {
        let entries = Entries {
            sessions: S3Fifo::new(capacity),
            absences: S3Fifo::new(capacity.of_absences()),
            evictions: 0,
        };
        Self { tickets: Mutex::new(OpenTickets::default()), entries: ReadMostly::new(entries) }
    }

    /// The session was saved as `saved`, or deleted.
    pub(super) fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        let mut tickets = self.tickets.lock();
        tickets.invalidate(key, saved);
        // Most sessions that are saved elsewhere are not cached here.
        let survives = self.entries.read().survives(key, saved);
        let removed = if survives { None } else { self.entries.write().invalidate(key, saved) };
        drop(tickets);
        drop(removed);
    }

    pub(super) fn mark_stale(&self, key: &SessionKey, now: Instant) {
        let mut tickets = self.tickets.lock();
        tickets.invalidate(key, None);
        self.entries.write().mark_stale(key, now);
    }

    /// Without the lookups.
    pub(super) fn stats(&self) -> CacheStats {
        let entries = self.entries.read();
        CacheStats { evictions: entries.evictions, bytes: entries.sessions.bytes(), ..CacheStats::default() }
    }
}

impl<S: CachedSession, A> Entries<S, A> {
    pub(super) fn get(&self, key: &SessionKey, now: Instant) -> Option<Found<S, A>>
    where
        S: Clone,
        A: Clone,
    {
        self.find(key, |validity| validity.is_fresh(now))
    }

    pub(super) fn get_stale(&self, key: &SessionKey, now: Instant, limit: Duration) -> Option<Found<S, A>>
    where
        S: Clone,
        A: Clone,
    {
        self.find(key, |validity| validity.was_fresh(now, limit))
    }

    /// Whether a session is cached for `key`, fresh or stale.
    pub(super) fn contains(&self, key: &SessionKey) -> bool {
        self.sessions.peek(key).is_some_and(|entry| entry.validity.is_current())
    }

    pub(super) fn copy(&self, key: &SessionKey) -> CachedCopy {
        match self.sessions.peek(key) {
            Some(entry) => CachedCopy::Session(entry.session.revision()),
            None if self.absences.peek(key).is_some() => CachedCopy::Absence,
            None => CachedCopy::Nothing,
        }
    }

    /// Whether a later revision than the loaded one is cached: two replies may arrive in the wrong order, before the message that
    /// orders them.
    pub(super) fn has_later_than(&self, key: &SessionKey, loaded: Option<Revision>) -> bool {
        let Some(loaded) = loaded else { return false };
        match self.sessions.peek(key) {
            Some(entry) => {
                entry.validity.is_current() && entry.session.revision().counter() > loaded.counter()
            }
            None => self.absences.peek(key).is_some_and(|entry| entry.validity.is_current()),
        }
    }

    pub(super) fn insert(&mut self, entry: SessionEntry<S>, size: usize) -> Removed<S> {
        drop(self.absences.remove(entry.session.key()));
        if !self.sessions.admits(size) {
            let mut removed = self.remove(entry.session.key());
            removed.push(entry.session);
            return removed;
        }
        entry.validity.session_inserted();
        let removed = self.sessions.insert(entry, size);
        self.evictions += removed.evicted.len() as u64;
        removed.evicted.into_iter().chain(removed.replaced).map(release).collect()
    }

    pub(super) fn insert_absence(&mut self, entry: AbsenceEntry<A>) -> Removed<S> {
        let removed = self.remove(&entry.key);
        if self.absences.admits(SIZE_OF_ABSENCE) {
            drop(self.absences.insert(entry, SIZE_OF_ABSENCE));
        }
        removed
    }

    /// Whether what is cached of `key` stays valid when the session was saved as `saved`, or deleted.
    fn survives(&self, key: &SessionKey, saved: Option<Revision>) -> bool {
        match (self.copy(key), saved) {
            (CachedCopy::Nothing, _) => true,
            (CachedCopy::Session(cached), Some(saved)) => cached.survives(saved),
            // Ids are never reused, so a session that does not exist now was saved before and deleted since.
            (CachedCopy::Absence, Some(saved)) => saved != Revision::LATEST,
            (CachedCopy::Session(_) | CachedCopy::Absence, None) => false,
        }
    }

    fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) -> Option<S> {
        drop(self.absences.remove(key));
        let removed = match saved {
            // Another node uses it, and so may this one.
            Some(_) => self.sessions.remove_for_now(key),
            None => self.sessions.remove(key),
        };
        removed.map(release)
    }

    fn mark_stale(&mut self, key: &SessionKey, now: Instant) {
        let session = self.sessions.peek_mut(key).map(|entry| &mut entry.validity);
        let absence = self.absences.peek_mut(key).map(|entry| &mut entry.validity);
        session.into_iter().chain(absence).for_each(|validity| validity.mark_stale(now));
    }

    /// The copy of `key`, which counts as a use, if it is valid enough.
    fn find(&self, key: &SessionKey, is_valid: impl Fn(&Validity) -> bool) -> Option<Found<S, A>>
    where
        S: Clone,
        A: Clone,
    {
        if let Some(entry) = self.sessions.get(key) {
            return is_valid(&entry.validity).then(|| Found::Session(entry.session.clone()));
        }
        let entry = self.absences.get(key).filter(|entry| is_valid(&entry.validity))?;
        Some(Found::Absence(entry.absence.clone()))
    }

    fn remove(&mut self, key: &SessionKey) -> Removed<S> {
        self.sessions.remove(key).map(release).into_iter().collect()
    }
}

fn release<S>(entry: SessionEntry<S>) -> S {
    entry.validity.session_removed();
    entry.session
}

/// Absences are limited by number only.
const SIZE_OF_ABSENCE: usize = 1;
