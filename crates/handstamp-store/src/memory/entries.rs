use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use crate::Stored;
use crate::id::SessionKey;
use crate::record::Entry;

/// Entries with their deadlines, in the order of their keys.
#[derive(Default)]
pub(super) struct Entries {
    by_key: BTreeMap<SessionKey, Kept>,
    /// The number of entries at which expired ones are removed next.
    sweep_at: usize,
}

pub(super) struct Kept {
    pub(super) entry: Entry,
    /// `None` if it never expires.
    deadline: Option<Instant>,
}

impl Entries {
    /// The unexpired entry of `key`.
    pub(super) fn get(&mut self, key: &SessionKey, now: Instant) -> Option<&mut Kept> {
        self.by_key.get_mut(key).filter(|kept| !kept.is_expired(now))
    }

    pub(super) fn insert(&mut self, entry: &Entry, now: Instant, ttl: Duration) {
        self.sweep_if_doubled(now);
        self.by_key.insert(*entry.key(), Kept::new(entry, now, ttl));
    }

    pub(super) fn remove(&mut self, key: &SessionKey) {
        self.by_key.remove(key);
    }

    pub(super) fn make_permanent(&mut self, key: &SessionKey) {
        if let Some(kept) = self.by_key.get_mut(key) {
            kept.deadline = None;
        }
    }

    pub(super) fn count_records(&self, now: Instant) -> usize {
        self.by_key.values().filter(|kept| !kept.is_expired(now) && !kept.entry.is_tombstone()).count()
    }

    /// Up to `len` unexpired entries in order.
    pub(super) fn page(&self, after: Bound<SessionKey>, len: usize, now: Instant) -> Vec<Stored> {
        let following = self.by_key.range((after, Bound::Unbounded)).map(|(_, kept)| kept);
        following.filter(|kept| !kept.is_expired(now)).take(len).map(|kept| kept.stored(now)).collect()
    }

    /// Removes expired entries whenever their number has doubled since the last time, so that the effort for each insertion is
    /// constant.
    fn sweep_if_doubled(&mut self, now: Instant) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, kept| !kept.is_expired(now));
            self.sweep_at = (self.by_key.len() * 2).max(MIN_SWEEP);
        }
    }
}

impl Kept {
    pub(super) fn new(entry: &Entry, now: Instant, ttl: Duration) -> Self {
        Self { entry: entry.clone(), deadline: Some(deadline(now, ttl)) }
    }

    pub(super) fn expire_after(&mut self, ttl: Duration, now: Instant) {
        self.deadline = Some(deadline(now, ttl));
    }

    pub(super) fn has_moved(&self) -> bool {
        self.entry.is_tombstone() && self.entry.has_relative()
    }

    pub(super) fn stored(&self, now: Instant) -> Stored {
        let remaining = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        Stored::new(self.entry.clone(), remaining)
    }

    fn is_expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// `ttl` from now, or in 136 years where the clock does not reach that far.
fn deadline(now: Instant, ttl: Duration) -> Instant {
    now.checked_add(ttl).unwrap_or_else(|| now + Duration::from_secs(u64::from(u32::MAX)))
}

const MIN_SWEEP: usize = 1_024;
