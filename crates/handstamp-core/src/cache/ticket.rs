use std::fmt;

use super::{InDate, LocalCache};
use crate::id::SessionKey;
use crate::record::Revision;

/// The right to put one value into the cache, unless something happens in the meantime.
///
/// Dropping it gives the right back.
#[must_use = "a ticket is taken before the store is asked, and completed with the answer"]
pub struct Ticket<'c, V> {
    cache: &'c LocalCache<V>,
    key: SessionKey,
    generation: u64,
    open: bool,
}

impl<'c, V> Ticket<'c, V> {
    pub(super) fn new(cache: &'c LocalCache<V>, key: SessionKey) -> Self {
        cache.shard(&key).lock().open_ticket(&key);
        Self { cache, key, generation: cache.generation(), open: true }
    }

    /// Puts `value` of this revision into the cache, to be served while it is in date. `None` stands for a value that no
    /// revision belongs to, such as "not there".
    ///
    /// Returns whether the ticket was good: not if, since it was taken, the cache was cleared, or the session
    /// was deleted or saved to something that this revision does not survive, or a later answer came in. A value
    /// whose ticket is spoilt may be outdated already.
    #[must_use = "the value may be outdated when the ticket was spoilt"]
    pub fn complete(mut self, revision: Option<Revision>, value: V, in_date: InDate) -> bool {
        self.open = false;
        let mut shard = self.cache.shard(&self.key).lock();
        let unspoilt = shard.close_ticket(&self.key, revision);
        // Under the lock: whoever clears the cache from here on leaves this entry in an old generation.
        let good = unspoilt
            && self.generation == self.cache.generation()
            && !shard.knows_better(&self.key, revision, self.generation);
        let displaced = good.then(|| shard.insert(self.key, revision, value, self.generation, in_date));
        drop(shard);
        // The lock is free again when the displaced value's own `Drop` runs.
        drop(displaced);
        good
    }
}

impl<V> Drop for Ticket<'_, V> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.cache.shard(&self.key).lock().close_ticket(&self.key, None);
        }
    }
}

impl<V> fmt::Debug for Ticket<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("key", &self.key).finish_non_exhaustive()
    }
}
