use std::fmt;
use std::sync::Arc;

use super::stripe::Entry;
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
        cache.stripe(&key).lock().open_ticket(&key);
        Self { cache, key, feed, cuts: feed.cuts(), open: true }
    }

    /// Puts `value` of this revision into the cache, to be served while it is in date. `None` stands for a value that no
    /// revision belongs to, such as "not there".
    ///
    /// Returns whether the ticket was good: not if, since it was taken, its feed was cut, or the session
    /// was deleted or saved to something that this revision does not survive, or a later answer came in. A value
    /// whose ticket is spoilt may be outdated already.
    #[must_use = "the value may be outdated when the ticket was spoilt"]
    pub fn complete(mut self, revision: Option<Revision>, value: V, in_date: InDate) -> bool {
        self.open = false;
        let mut stripe = self.cache.stripe(&self.key).lock();
        let unspoilt = stripe.close_ticket(&self.key, revision);
        // Under the lock: whoever cuts the feed from here on leaves this entry in an old generation.
        let good = unspoilt && self.cuts == self.feed.cuts() && !stripe.knows_better(&self.key, revision);
        let displaced = good.then(|| {
            let entry = Entry { value, revision, feed: self.feed.clone(), cuts: self.cuts, in_date };
            stripe.insert(self.key, entry)
        });
        drop(stripe);
        // The lock is free again when the displaced value's own `Drop` runs.
        drop(displaced);
        good
    }
}

impl<V> Drop for Ticket<'_, V> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.cache.stripe(&self.key).lock().close_ticket(&self.key, None);
        }
    }
}

impl<V> fmt::Debug for Ticket<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("key", &self.key).finish_non_exhaustive()
    }
}
