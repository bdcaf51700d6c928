use std::collections::VecDeque;
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

use super::node::Node;
use crate::Shard;

/// Sessions that this node has lately ended.
///
/// A primary answers before its replicas know. When one of those takes its place, what it had not heard of is undone, and
/// a session that was logged out is there again. So whenever a shard is listened to anew, what was ended there shortly
/// before is ended once more; that does no harm where it was not needed.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<VecDeque<(Instant, SessionKey)>>);

impl Ended {
    pub(super) fn note(&self, key: SessionKey, now: Instant) {
        let mut ended = self.0.lock();
        while let Some((when, _)) = ended.front()
            && (ended.len() >= MAX_LEN || now.saturating_duration_since(*when) >= LATELY)
        {
            ended.pop_front();
        }
        ended.push_back((now, key));
    }

    fn since(&self, begin: Instant) -> Vec<SessionKey> {
        let ended = self.0.lock();
        ended.iter().filter(|(when, _)| *when >= begin).map(|(_, key)| *key).collect()
    }
}

impl Node {
    /// Has what was ended in a shard lately ended again. On this node it is over in the meantime.
    pub(super) fn end_again(&self, shard: Shard) {
        let Some(begin) = self.clock.now().checked_sub(LATELY) else { return };
        for key in self.ended.since(begin) {
            if self.store.shard_of(&key) == shard {
                self.revocations.remember(key);
            }
        }
    }
}

/// Longer than servers take to replace one another.
const LATELY: Duration = Duration::from_secs(30);
/// A bound on the memory that this costs, and on the work when a shard is listened to anew.
const MAX_LEN: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn key(n: u16) -> SessionKey {
        let mut bytes = [0; SessionKey::LEN];
        bytes[..2].copy_from_slice(&n.to_le_bytes());
        SessionKey::from_bytes(bytes)
    }

    #[test]
    fn the_latest_are_remembered_for_a_while() {
        let start = start();
        let ended = Ended::default();
        ended.note(key(1), start);
        ended.note(key(2), start + LATELY / 2);
        assert_eq!(ended.since(start), [key(1), key(2)]);
        assert_eq!(ended.since(start + LATELY / 2), [key(2)]);
        ended.note(key(3), start + LATELY);
        assert_eq!(ended.since(start), [key(2), key(3)]);
        (0..=MAX_LEN as u16).for_each(|n| ended.note(key(n), start + LATELY));
        assert_eq!(ended.since(start).len(), MAX_LEN);
    }
}
