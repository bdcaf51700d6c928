use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

/// Sessions that this node has deleted in the last half minute.
///
/// A primary replies before its replicas know. When one of them takes its place, a delete that it has not received is undone,
/// and a session that was logged out is there again. So whenever a subscription to a shard begins, the recent deletes there
/// are repeated; where that was not needed it does no harm.
#[derive(Debug, Default)]
pub(super) struct RecentDeletes(Mutex<Deletes>);

#[derive(Debug, Default)]
struct Deletes {
    by_key: HashMap<SessionKey, Instant>,
    /// Oldest first. A key that was deleted twice occurs twice, and counts from the second time.
    order: VecDeque<(Instant, SessionKey)>,
}

impl RecentDeletes {
    /// Remembers a session that was there and was deleted: a client can delete each of its sessions once, so that it cannot
    /// displace those of others. Returns whether there was room; where there is none, the older ones stay.
    pub(super) fn remember(&self, key: SessionKey, now: Instant) -> bool {
        let mut deletes = self.0.lock();
        deletes.forget_before(now.checked_sub(WINDOW));
        if deletes.order.len() >= MAX_LEN {
            return false;
        }
        deletes.by_key.insert(key, now);
        deletes.order.push_back((now, key));
        true
    }

    /// All of the last half minute.
    pub(super) fn since_window(&self, now: Instant) -> Vec<SessionKey> {
        let mut deletes = self.0.lock();
        deletes.forget_before(now.checked_sub(WINDOW));
        deletes.by_key.keys().copied().collect()
    }
}

impl Deletes {
    fn forget_before(&mut self, begin: Option<Instant>) {
        let Some(begin) = begin else { return };
        while let Some((when, key)) = self.order.front().copied()
            && when < begin
        {
            self.order.pop_front();
            if self.by_key.get(&key) == Some(&when) {
                self.by_key.remove(&key);
            }
        }
    }
}

/// Longer than servers take to replace one another.
const WINDOW: Duration = Duration::from_secs(30);
/// A bound on the memory, at some 2,000 logouts a second; 5 MB.
const MAX_LEN: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        // The monotonic clock may have begun less than the window ago.
        Instant::now() + WINDOW
    }

    fn key(n: u32) -> SessionKey {
        let mut bytes = [0; SessionKey::LEN];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        SessionKey::from_bytes(bytes)
    }

    fn remembered(deletes: &RecentDeletes, now: Instant) -> Vec<SessionKey> {
        let mut keys = deletes.since_window(now);
        keys.sort_unstable();
        keys
    }

    #[test]
    fn deletes_are_remembered_for_a_while() {
        let (start, deletes) = (start(), RecentDeletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), start) && deletes.remember(key(2), half));
        assert_eq!(remembered(&deletes, start + WINDOW), [key(1), key(2)]);
        assert_eq!(remembered(&deletes, half + WINDOW), [key(2)]);
    }

    #[test]
    fn a_session_deleted_twice_counts_from_the_second_time() {
        let (start, deletes) = (start(), RecentDeletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), start) && deletes.remember(key(1), half));
        assert_eq!(remembered(&deletes, half + WINDOW), [key(1)]);
    }

    /// K8.2, S93
    #[test]
    fn k8_2_a_flood_displaces_no_earlier_delete() {
        let (start, deletes) = (start(), RecentDeletes::default());
        assert!(deletes.remember(key(u32::MAX), start));
        let remembered = (0..MAX_LEN as u32 * 2).filter(|n| deletes.remember(key(*n), start)).count();
        assert_eq!(remembered, MAX_LEN - 1);
        assert!(deletes.since_window(start).contains(&key(u32::MAX)));
        assert!(deletes.remember(key(0), start + WINDOW * 2), "there is room again");
    }
}
