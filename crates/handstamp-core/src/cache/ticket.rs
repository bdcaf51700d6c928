use std::fmt;
use std::sync::Arc;

use super::entry::Entry;
use super::{Feed, InDate, LocalCache};
use crate::id::SessionKey;
use crate::record::Revision;

/// The right to put one value into the cache, unless something happens in the meantime.
///
/// Dropping it gives the right back.
#[must_use = "a ticket is taken before the store is asked, and completed with the answer"]
pub struct Ticket<'c, V> {
    cache: &'c LocalCache<V>,
    key: SessionKey,
    feed: &'c Arc<Feed>,
    /// How often the feed had been cut.
    cuts: u32,
    open: bool,
}

impl<'c, V> Ticket<'c, V> {
    pub(super) fn new(cache: &'c LocalCache<V>, key: SessionKey, feed: &'c Arc<Feed>) -> Self {
        cache.stripe(&key).lock().tickets.open(&key);
        Self { cache, key, feed, cuts: feed.cuts(), open: true }
    }

    /// Puts `value` of this revision, which takes `size` bytes of memory, into the cache, to be served while it is in date.
    /// No revision: the session is not there. That is remembered apart, and takes no room from sessions.
    ///
    /// Returns whether the ticket was good: not if, since it was taken, its feed was cut, or the session
    /// was deleted or saved to something that this revision does not survive, or a later answer came in. A value
    /// whose ticket is spoilt may be outdated already.
    #[must_use = "the value may be outdated when the ticket was spoilt"]
    pub fn complete(mut self, revision: Option<Revision>, value: V, size: usize, in_date: InDate) -> bool {
        self.open = false;
        let mut stripe = self.cache.stripe(&self.key).lock();
        let unspoilt = stripe.tickets.close(&self.key, revision);
        // Under the lock: whoever cuts the feed from here on leaves this entry in an old generation.
        let good = unspoilt && self.cuts == self.feed.cuts() && !stripe.holds_later_than(&self.key, revision);
        let dropped = good.then(|| {
            let entry = Entry { value, revision, feed: self.feed.clone(), cuts: self.cuts, size, in_date };
            stripe.insert(self.key, entry)
        });
        drop(stripe);
        drop(dropped);
        good
    }
}

impl<V> Drop for Ticket<'_, V> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.cache.stripe(&self.key).lock().tickets.close(&self.key, None);
        }
    }
}

impl<V> fmt::Debug for Ticket<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("key", &self.key).finish_non_exhaustive()
    }
}
