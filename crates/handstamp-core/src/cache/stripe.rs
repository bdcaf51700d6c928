use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::hasher::BuildSpread;
use super::{CacheStats, Feed, InDate};
use crate::id::SessionKey;
use crate::record::Revision;

/// What stands behind one lock.
pub(super) struct Stripe<V> {
    entries: LruCache<SessionKey, Entry<V>, BuildSpread>,
    capacity: usize,
    tickets: HashMap<SessionKey, Tickets, BuildSpread>,
    stats: CacheStats,
}

pub(super) struct Entry<V> {
    pub(super) value: V,
    pub(super) revision: Option<Revision>,
    pub(super) feed: Arc<Feed>,
    /// How often the feed had been cut when the ticket was taken.
    pub(super) cuts: u32,
    pub(super) in_date: InDate,
}

/// The open tickets of one session. What spoils one spoils all of them, also those taken after it: that costs a
/// reload now and then, and keeps this small.
struct Tickets {
    open: usize,
    barrier: Barrier,
}

/// What an answer of the store must be, to be believed.
#[derive(Clone, Copy)]
enum Barrier {
    /// Anything: nothing was heard.
    Open,
    /// This revision or a later one.
    From(Revision),
    /// Nothing will do.
    Shut,
}

impl<V> Stripe<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: LruCache::unbounded_with_hasher(BuildSpread::default()),
            capacity,
            tickets: HashMap::default(),
            stats: CacheStats::default(),
        }
    }

    pub(super) fn get(&mut self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        let found = self
            .entries
            .get(key)
            .filter(|entry| now < entry.in_date.until && entry.feed.is_recent(now) && entry.counts());
        match found {
            Some(entry) => {
                self.stats.hits += 1;
                Some(entry.value.clone())
            }
            None => {
                self.stats.misses += 1;
                None
            }
        }
    }

    pub(super) fn get_outdated(&mut self, key: &SessionKey, now: Instant, limit: Duration) -> Option<V>
    where
        V: Clone,
    {
        let found = self
            .entries
            .get(key)
            .filter(|entry| now < entry.in_date.ends && entry.feed.was_recent(now, limit) && entry.counts());
        found.map(|entry| entry.value.clone())
    }

    /// Whether there is something that is later than this revision: two answers may come in the wrong order, before the
    /// message that tells them apart.
    pub(super) fn knows_better(&self, key: &SessionKey, revision: Option<Revision>) -> bool {
        let held = self.entries.peek(key).filter(|entry| entry.counts());
        held.is_some_and(|entry| match (entry.revision, revision) {
            (Some(held), Some(revision)) => held.counter() > revision.counter(),
            (None, Some(_)) => true,
            (_, None) => false,
        })
    }

    /// Returns whatever made room.
    pub(super) fn insert(&mut self, key: SessionKey, entry: Entry<V>) -> Option<V> {
        if self.capacity == 0 {
            return Some(entry.value);
        }
        entry.feed.arrived(entry.cuts);
        let displaced = match self.entries.push(key, entry) {
            Some((_, replaced)) => Some(replaced),
            None if self.entries.len() > self.capacity => {
                self.stats.evictions += 1;
                self.entries.pop_lru().map(|(_, evicted)| evicted)
            }
            None => None,
        };
        displaced.map(Entry::take_leave)
    }

    /// Returns the value that was dropped.
    pub(super) fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) -> Option<V> {
        if let Some(tickets) = self.tickets.get_mut(key) {
            tickets.barrier = tickets.barrier.raised(saved);
        }
        let survives = |entry: &Entry<V>| match (entry.revision, saved) {
            (Some(held), Some(saved)) => held.survives(saved),
            // "Not there" stays true: what was saved was deleted after that.
            (None, Some(saved)) => saved != Revision::LATEST,
            (_, None) => false,
        };
        if self.entries.peek(key).is_none_or(survives) {
            return None;
        }
        self.entries.pop(key).map(Entry::take_leave)
    }

    pub(super) fn doubt(&mut self, key: &SessionKey, now: Instant) {
        if let Some(tickets) = self.tickets.get_mut(key) {
            tickets.barrier = Barrier::Shut;
        }
        if let Some(entry) = self.entries.peek_mut(key) {
            entry.in_date.until = entry.in_date.until.min(now);
        }
    }

    pub(super) fn open_ticket(&mut self, key: &SessionKey) {
        let unspoilt = Tickets { open: 0, barrier: Barrier::Open };
        self.tickets.entry(*key).or_insert(unspoilt).open += 1;
    }

    /// Returns whether nothing was heard since that an answer of this revision does not survive.
    pub(super) fn close_ticket(&mut self, key: &SessionKey, revision: Option<Revision>) -> bool {
        let Some(tickets) = self.tickets.get_mut(key) else {
            return false;
        };
        let good = tickets.barrier.admits(revision);
        tickets.open -= 1;
        if tickets.open == 0 {
            self.tickets.remove(key);
        }
        good
    }

    pub(super) const fn stats(&self) -> CacheStats {
        self.stats
    }
}

impl<V> Entry<V> {
    /// Whether its feed has not been cut since. Entries of earlier generations are still in the map, but count for
    /// nothing.
    fn counts(&self) -> bool {
        self.feed.cuts() == self.cuts
    }

    fn take_leave(self) -> V {
        self.feed.left(self.cuts);
        self.value
    }
}

impl Barrier {
    fn raised(self, saved: Option<Revision>) -> Self {
        match (self, saved) {
            (Self::Shut, _) | (_, None) => Self::Shut,
            (Self::From(higher), Some(saved)) if higher.counter() > saved.counter() => Self::From(higher),
            (Self::Open | Self::From(_), Some(saved)) => Self::From(saved),
        }
    }

    fn admits(self, revision: Option<Revision>) -> bool {
        match self {
            Self::Open => true,
            Self::From(saved) => revision.is_some_and(|revision| revision.survives(saved)),
            Self::Shut => false,
        }
    }
}
