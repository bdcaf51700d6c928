use std::collections::HashSet;
use std::time::{Duration, Instant};

use handstamp_core::cache::BuildHash64;
use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

/// The sessions that this node, or an invalidation, has changed within the last seconds. Replicas may not have the changes yet.
#[derive(Debug)]
pub(super) struct RecentChanges(Mutex<Generations>);

/// Two sets, so that a change is remembered for at least one turn, and forgotten after two.
#[derive(Debug)]
struct Generations {
    since: Instant,
    current: Changed,
    previous: Changed,
}

#[derive(Debug, Default)]
struct Changed {
    keys: HashSet<SessionKey, BuildHash64>,
    /// Any session may be among them: there were too many, or invalidations were missed.
    all: bool,
}

impl RecentChanges {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Generations {
            since: now,
            current: Changed::default(),
            previous: Changed::default(),
        }))
    }

    pub(super) fn record(&self, key: &SessionKey, now: Instant) {
        let mut generations = self.0.lock();
        generations.turn_if_due(now);
        let current = &mut generations.current;
        if current.keys.len() < MAX_LEN {
            current.keys.insert(*key);
        } else {
            current.all = true;
        }
    }

    /// Invalidations may have been missed: any session may have changed.
    pub(super) fn record_unknown(&self, now: Instant) {
        let mut generations = self.0.lock();
        generations.turn_if_due(now);
        generations.current.all = true;
    }

    pub(super) fn may_contain(&self, key: &SessionKey, now: Instant) -> bool {
        let mut generations = self.0.lock();
        generations.turn_if_due(now);
        generations.current.contains(key) || generations.previous.contains(key)
    }
}

impl Generations {
    fn turn_if_due(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age < TURN {
            return;
        }
        self.previous = if age < TURN * 2 { std::mem::take(&mut self.current) } else { Changed::default() };
        self.current = Changed::default();
        self.since = now;
    }
}

impl Changed {
    fn contains(&self, key: &SessionKey) -> bool {
        self.all || self.keys.contains(key)
    }
}

/// Twice the lag that a replica may have.
const TURN: Duration = Duration::from_secs(2);
/// Limits the memory.
const MAX_LEN: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> SessionKey {
        let mut bytes = [0; SessionKey::LEN];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        SessionKey::from_bytes(bytes)
    }

    #[expect(clippy::disallowed_methods, reason = "the tests start at any instant")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_change_is_remembered_for_at_least_one_turn() {
        let start = start();
        let changes = RecentChanges::new(start);
        let noted = start + TURN - Duration::from_millis(1);
        changes.record(&key(1), noted);
        assert!(changes.may_contain(&key(1), noted) && !changes.may_contain(&key(2), noted));
        assert!(changes.may_contain(&key(1), noted + TURN));
        assert!(!changes.may_contain(&key(1), noted + TURN * 2));
        changes.record(&key(2), noted + TURN * 2);
        assert!(!changes.may_contain(&key(2), noted + TURN * 9), "after a long pause");
    }

    #[test]
    fn after_missed_invalidations_any_session_may_have_changed() {
        let start = start();
        let changes = RecentChanges::new(start);
        changes.record_unknown(start);
        assert!(
            changes.may_contain(&key(1), start + TURN) && !changes.may_contain(&key(1), start + TURN * 2)
        );
    }

    #[test]
    fn after_too_many_changes_any_session_may_have_changed() {
        let start = start();
        let changes = RecentChanges::new(start);
        (0..=MAX_LEN as u32).for_each(|n| changes.record(&key(n), start));
        assert!(changes.may_contain(&key(u32::MAX), start));
        assert!(!changes.may_contain(&key(u32::MAX), start + TURN * 2));
    }
}
