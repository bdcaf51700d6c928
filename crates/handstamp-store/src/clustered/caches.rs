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

    /// Logs which cache got which call.
    struct Logged {
        name: &'static str,
        log: Log,
    }

    type Log = Arc<Mutex<Vec<(&'static str, &'static str)>>>;

    impl Logged {
        fn log(&self, call: &'static str) {
            self.log.lock().push((call, self.name));
        }
    }

    impl ManagedCache for Logged {
        fn invalidate(&self, _key: &SessionKey, _saved: Option<Revision>) {
            self.log("invalidate");
        }

        fn clear(&self) {
            self.log("clear");
        }

        fn start_generation(&self, _shard: Shard) {
            self.log("start_generation");
        }

        fn record_fence(&self, _shard: Shard, _sent_at: Instant) {
            self.log("record_fence");
        }

        fn distrust(&self, _shard: Shard) {
            self.log("distrust");
        }

        fn remove_shard(&self, _shard: Shard) {
            self.log("remove_shard");
        }

        fn retain_shards(&self, _shards: &BTreeSet<Shard>) {
            self.log("retain_shards");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn every_call_reaches_all_caches_and_the_sessions_first() {
        let log = Log::default();
        let cache = |name| -> Arc<dyn ManagedCache> { Arc::new(Logged { name, log: log.clone() }) };
        let caches = Caches::new(cache("sessions"));
        let other = cache("other");
        caches.add(Arc::downgrade(&other));
        let (key, shard) = (SessionKey::from_bytes([1; SessionKey::LEN]), Shard::ONLY);
        caches.invalidate(&key, None);
        caches.mark_stale(&key);
        caches.clear();
        caches.start_generation(shard);
        caches.record_fence(shard, Instant::now());
        caches.distrust(shard);
        caches.remove_shard(shard);
        caches.retain_shards(&BTreeSet::from([shard]));
        // By default, a stale value is dropped.
        let calls = ["invalidate", "invalidate", "clear", "start_generation", "record_fence", "distrust"];
        let calls = calls.into_iter().chain(["remove_shard", "retain_shards"]);
        let expected: Vec<_> = calls.flat_map(|call| [(call, "sessions"), (call, "other")]).collect();
        assert_eq!(*log.lock(), expected);
    }

    #[test]
    fn a_dropped_cache_is_removed() {
        let log = Log::default();
        let cache = |name| -> Arc<dyn ManagedCache> { Arc::new(Logged { name, log: log.clone() }) };
        let caches = Caches::new(cache("sessions"));
        let (one, two) = (cache("one"), cache("two"));
        caches.add(Arc::downgrade(&one));
        caches.add(Arc::downgrade(&two));
        drop(one);
        caches.clear();
        assert_eq!(*log.lock(), [("clear", "sessions"), ("clear", "two")]);
        let three = cache("three");
        caches.add(Arc::downgrade(&three));
        assert_eq!(caches.others.read().len(), 2);
    }
}
