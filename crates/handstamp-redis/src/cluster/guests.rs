use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::primary::Primary;
use crate::url::Host;

/// Primaries that have no slot yet, but are about to get one: a redirection named them.
#[derive(Debug, Default)]
pub(crate) struct Guests(Mutex<HashMap<Host, Guest>>);

#[derive(Debug)]
struct Guest {
    primary: Arc<Primary>,
    used_at: Instant,
}

impl Guests {
    /// The primary at `host`, with connections that are made if there are none.
    pub(super) fn at(&self, host: &Host, connect: impl FnOnce() -> Arc<Primary>) -> Arc<Primary> {
        let mut guests = self.0.lock();
        if guests.len() >= MOST && !guests.contains_key(host) {
            guests.clear();
        }
        let used_at = Instant::now();
        let guest = guests.entry(host.clone()).or_insert_with(|| Guest { primary: connect(), used_at });
        guest.used_at = used_at;
        guest.primary.clone()
    }

    /// Takes out the primary at `host`, which has slots now.
    pub(super) fn take(&self, host: &Host) -> Option<Arc<Primary>> {
        self.0.lock().remove(host).map(|guest| guest.primary)
    }

    pub(super) fn all(&self) -> Vec<Arc<Primary>> {
        self.0.lock().values().map(|guest| guest.primary.clone()).collect()
    }

    /// Lets go of those that were not used for a while: the slots went elsewhere, or nowhere.
    pub(super) fn sweep(&self) {
        self.0.lock().retain(|_, guest| guest.used_at.elapsed() < LIFETIME);
    }
}

/// Slots move to one node or two at a time.
const MOST: usize = 16;
/// As long as a slot moves, commands for its sessions come this often at least, or the connections are not missed.
const LIFETIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;
    use crate::cluster::member::Member;
    use crate::shared::Shared;

    /// L12: connections to a node that gets no slots in the end are given up.
    #[tokio::test(start_paused = true)]
    async fn l12_who_is_not_used_is_let_go() {
        let shared = Shared::new(RedisConfig::new("redis-cluster://127.0.0.1:1".parse().unwrap()));
        let [one, other] = [1, 2].map(|port| Host { name: "127.0.0.1".to_owned(), port });
        let guests = Guests::default();
        let at = |host: &Host| guests.at(host, || Member::primary_at(&shared, host));
        let first = at(&one);
        at(&other);
        tokio::time::advance(LIFETIME / 2).await;
        assert!(Arc::ptr_eq(&first, &at(&one)), "the connections are kept");
        tokio::time::advance(LIFETIME / 2).await;
        guests.sweep();
        assert_eq!(guests.all().len(), 1);
        assert!(guests.take(&other).is_none());
        assert!(Arc::ptr_eq(&first, &guests.take(&one).unwrap()) && guests.all().is_empty());
    }
}
