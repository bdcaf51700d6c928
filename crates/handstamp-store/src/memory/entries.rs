use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use crate::Stored;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Entry;

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

    /// The unexpired ones of the next `len` entries in order, and the key of the last of these `len`. `None` if there are no more.
    pub(super) fn page(
        &self,
        after: Bound<SessionKey>,
        len: usize,
        now: Instant,
    ) -> (Vec<Stored>, Option<SessionKey>) {
        let following = || self.by_key.range((after, Bound::Unbounded)).take(len);
        let unexpired = following().filter(|(_, kept)| !kept.is_expired(now));
        let last = following().nth(len.saturating_sub(1)).map(|(key, _)| *key);
        (unexpired.map(|(_, kept)| kept.stored(now)).collect(), last)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Clock, ManualClock};

    #[test]
    fn a_page_examines_a_bounded_number_of_entries() {
        let (mut entries, now) = (Entries::default(), ManualClock::new().now());
        let key = |byte| SessionKey::from_bytes([byte; SessionKey::LEN]);
        for byte in 1..=5 {
            let mut bytes = Entry::TOMBSTONE_MAGIC.to_vec();
            bytes.resize(Entry::HEADER_LEN, 1);
            let entry = Entry::read(key(byte), Bytes::from(bytes)).unwrap();
            // The first four have expired.
            entries.insert(&entry, now, Duration::from_secs(if byte == 5 { 10 } else { 1 }));
        }
        let later = now + Duration::from_secs(5);
        let (page, last) = entries.page(Bound::Unbounded, 4, later);
        assert_eq!((page.len(), last), (0, Some(key(4))));
        let (page, last) = entries.page(Bound::Excluded(key(4)), 4, later);
        assert_eq!((page.len(), last), (1, None));
    }
}
