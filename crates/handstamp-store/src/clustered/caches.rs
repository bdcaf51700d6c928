use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Instant;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::RwLock;

use crate::Shard;

/// A local cache that the listeners of a node keep up to date.
pub(super) trait ManagedCache: Send + Sync {
    /// Drops the entry of `key`, unless it has the revision `saved` or a later one.
    fn invalidate(&self, key: &SessionKey, saved: Option<Revision>);

    /// A write may have changed the session of `key` or not. Drops its entry.
    fn mark_stale(&self, key: &SessionKey) {
        self.invalidate(key, None);
    }

    /// Drops everything.
    fn clear(&self);

    /// Drops everything that was loaded from the shard.
    fn start_generation(&self, shard: Shard);

    /// Every invalidation that the shard published before `sent_at` has been applied.
    fn record_fence(&self, shard: Shard, sent_at: Instant);

    /// Serves nothing that was loaded from the shard until the next fence.
    fn distrust(&self, shard: Shard);

    /// Serves nothing that was loaded from the shard any more.
    fn remove_shard(&self, shard: Shard);

    /// Serves nothing any more that was loaded from other shards.
    fn retain_shards(&self, shards: &BTreeSet<Shard>);
}

/// The caches of a node. All share the subscriptions and fences of its listeners.
pub(super) struct Caches {
    sessions: Arc<dyn ManagedCache>,
    others: RwLock<Vec<Weak<dyn ManagedCache>>>,
}

impl Caches {
    pub(super) const fn new(sessions: Arc<dyn ManagedCache>) -> Self {
        Self { sessions, others: RwLock::new(Vec::new()) }
    }

    /// Adds a cache, until it is dropped.
    pub(super) fn add(&self, cache: Weak<dyn ManagedCache>) {
        let mut others = self.others.write();
        others.retain(|cache| cache.strong_count() > 0);
        others.push(cache);
    }

    pub(super) fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.each(|cache| cache.invalidate(key, saved));
    }

    pub(super) fn mark_stale(&self, key: &SessionKey) {
        self.each(|cache| cache.mark_stale(key));
    }

    pub(super) fn clear(&self) {
        self.each(|cache| cache.clear());
    }

    pub(super) fn start_generation(&self, shard: Shard) {
        self.each(|cache| cache.start_generation(shard));
    }

    pub(super) fn record_fence(&self, shard: Shard, sent_at: Instant) {
        self.each(|cache| cache.record_fence(shard, sent_at));
    }

    pub(super) fn distrust(&self, shard: Shard) {
        self.each(|cache| cache.distrust(shard));
    }

    pub(super) fn remove_shard(&self, shard: Shard) {
        self.each(|cache| cache.remove_shard(shard));
    }

    pub(super) fn retain_shards(&self, shards: &BTreeSet<Shard>) {
        self.each(|cache| cache.retain_shards(shards));
    }

    /// The sessions come first: a value that is loaded after its entry was dropped may be computed from a cached session, which has to
    /// be dropped by then.
    fn each(&self, visit: impl Fn(&dyn ManagedCache)) {
        visit(&*self.sessions);
        // Without other caches, this allocates nothing.
        let others: Vec<Arc<dyn ManagedCache>> =
            self.others.read().iter().filter_map(Weak::upgrade).collect();
        // Without the lock: this may drop the last reference to a cache, with values of the application.
        others.iter().for_each(|cache| visit(&**cache));
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Logs which cache was visited.
    struct Logged {
        name: &'static str,
        log: Arc<Mutex<Vec<&'static str>>>,
    }

    impl ManagedCache for Logged {
        fn invalidate(&self, _key: &SessionKey, _saved: Option<Revision>) {
            self.log.lock().push(self.name);
        }

        fn clear(&self) {}

        fn start_generation(&self, _shard: Shard) {}

        fn record_fence(&self, _shard: Shard, _sent_at: Instant) {}

        fn distrust(&self, _shard: Shard) {}

        fn remove_shard(&self, _shard: Shard) {}

        fn retain_shards(&self, _shards: &BTreeSet<Shard>) {}
    }

    #[test]
    fn sessions_come_first_and_a_dropped_cache_is_removed() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let cache = |name| -> Arc<dyn ManagedCache> { Arc::new(Logged { name, log: log.clone() }) };
        let caches = Caches::new(cache("sessions"));
        let (one, two) = (cache("one"), cache("two"));
        caches.add(Arc::downgrade(&one));
        caches.add(Arc::downgrade(&two));
        let key = SessionKey::from_bytes([1; SessionKey::LEN]);
        caches.invalidate(&key, None);
        assert_eq!(std::mem::take(&mut *log.lock()), ["sessions", "one", "two"]);
        drop(one);
        caches.mark_stale(&key);
        assert_eq!(std::mem::take(&mut *log.lock()), ["sessions", "two"]);
        let three = cache("three");
        caches.add(Arc::downgrade(&three));
        assert_eq!(caches.others.read().len(), 2);
    }
}
