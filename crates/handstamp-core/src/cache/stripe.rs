use std::time::{Duration, Instant};

use super::entry::{AbsenceEntry, SessionEntry, Validity};
use super::open_tickets::OpenTickets;
use super::s3_fifo::S3Fifo;
use super::{CachedSession, Capacity, Found};
use crate::id::SessionKey;
use crate::record::Revision;

/// The part of a cache that one lock protects.
pub(super) struct Stripe<S, A> {
    /// Sessions that exist.
    sessions: S3Fifo<SessionEntry<S>>,
    /// Sessions that do not exist. Kept separately, so that a client with many invalid ids evicts no session.
    absences: S3Fifo<AbsenceEntry<A>>,
    pub(super) tickets: OpenTickets,
    pub(super) evictions: u64,
}

/// The copy of a key's session, fresh or stale, or its absence.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Copy {
    Nothing,
    Absence,
    Session(Revision),
}

/// Sessions to drop after the lock is released, because `S::drop` may take long.
pub(super) type Removed<S> = Vec<S>;

impl<S: CachedSession, A> Stripe<S, A> {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            sessions: S3Fifo::new(capacity),
            absences: S3Fifo::new(capacity.of_absences()),
            tickets: OpenTickets::default(),
            evictions: 0,
        }
    }

    /// The memory of the sessions in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.sessions.bytes()
    }

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

    pub(super) fn copy(&self, key: &SessionKey) -> Copy {
        match self.sessions.peek(key) {
            Some(entry) => Copy::Session(entry.session.revision()),
            None if self.absences.peek(key).is_some() => Copy::Absence,
            None => Copy::Nothing,
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

    /// The session was saved as `saved`, or deleted.
    pub(super) fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) -> Removed<S> {
        self.tickets.invalidate(key, saved);
        match (self.copy(key), saved) {
            (Copy::Nothing, _) => Removed::new(),
            (Copy::Session(cached), Some(saved)) if cached.survives(saved) => Removed::new(),
            // Ids are never reused, so a session that does not exist now was saved before and deleted since.
            (Copy::Absence, Some(saved)) if saved != Revision::LATEST => Removed::new(),
            // Another node uses it, and so may this one.
            (Copy::Session(_), Some(_)) => {
                self.sessions.remove_for_now(key).map(release).into_iter().collect()
            }
            (Copy::Session(_) | Copy::Absence, _) => {
                drop(self.absences.remove(key));
                self.remove(key)
            }
        }
    }

    pub(super) fn mark_stale(&mut self, key: &SessionKey, now: Instant) {
        self.tickets.invalidate(key, None);
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
