use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::primary::Primary;
use crate::url::Host;

/// Primaries without a slot that are importing one: a redirection named them.
#[derive(Debug, Default)]
pub(crate) struct Importing(Mutex<HashMap<Host, Entry>>);

#[derive(Debug)]
struct Entry {
    primary: Arc<Primary>,
    used_at: Instant,
}

impl Importing {
    /// The primary at `host`, connected on first use.
    pub(super) fn at(&self, host: &Host, connect: impl FnOnce() -> Arc<Primary>) -> Arc<Primary> {
        let mut entries = self.0.lock();
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(host) {
            entries.clear();
        }
        let used_at = Instant::now();
        let entry = entries.entry(host.clone()).or_insert_with(|| Entry { primary: connect(), used_at });
        entry.used_at = used_at;
        entry.primary.clone()
    }

    /// Removes the primary at `host`, which has slots now.
    pub(super) fn take(&self, host: &Host) -> Option<Arc<Primary>> {
        self.0.lock().remove(host).map(|entry| entry.primary)
    }

    pub(super) fn all(&self) -> Vec<Arc<Primary>> {
        self.0.lock().values().map(|entry| entry.primary.clone()).collect()
    }

    /// Drops the primaries that were not used for a while: their slots went elsewhere, or nowhere.
    pub(super) fn sweep(&self) {
        self.0.lock().retain(|_, entry| entry.used_at.elapsed() < LIFETIME);
    }
}

/// Slots move to one or two nodes at a time.
const MAX_ENTRIES: usize = 16;
/// While a slot moves, commands for its keys come at least this often, or too seldom to need the connections.
const LIFETIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;
    use crate::cluster::member::Member;
    use crate::shared::Shared;

    /// L12: connections to a node that never gets a slot are closed.
    #[tokio::test(start_paused = true)]
    async fn l12_an_unused_primary_is_dropped() {
        let shared = Shared::new(RedisConfig::new("redis-cluster://127.0.0.1:1".parse().unwrap()));
        let [one, other] = [1, 2].map(|port| Host { name: "127.0.0.1".to_owned(), port });
        let importing = Importing::default();
        let at = |host: &Host| importing.at(host, || Member::connect(&shared, host));
        let first = at(&one);
        at(&other);
        tokio::time::advance(LIFETIME / 2).await;
        assert!(Arc::ptr_eq(&first, &at(&one)), "the connections are kept");
        tokio::time::advance(LIFETIME / 2).await;
        importing.sweep();
        assert_eq!(importing.all().len(), 1);
        assert!(importing.take(&other).is_none());
        assert!(Arc::ptr_eq(&first, &importing.take(&one).unwrap()) && importing.all().is_empty());
    }
}
