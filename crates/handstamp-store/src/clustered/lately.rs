use std::collections::HashSet;
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

/// Sessions that this node has changed, or has heard of changes to, in the last seconds: replicas may not know yet.
#[derive(Debug)]
pub(super) struct Lately(Mutex<Generations>);

/// Two sets that take turns, so that everything is remembered for one turn at least, and forgotten after two.
#[derive(Debug)]
struct Generations {
    since: Instant,
    current: Changed,
    previous: Changed,
}

#[derive(Debug, Default)]
struct Changed {
    keys: HashSet<SessionKey>,
    /// There were too many to remember each of them, or some have been missed.
    all: bool,
}

impl Lately {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Generations {
            since: now,
            current: Changed::default(),
            previous: Changed::default(),
        }))
    }

    pub(super) fn note(&self, key: &SessionKey, now: Instant) {
        let mut generations = self.0.lock();
        generations.turn(now);
        let current = &mut generations.current;
        if current.keys.len() < MAX_LEN {
            current.keys.insert(*key);
        } else {
            current.all = true;
        }
    }

    /// Changes may have been missed: any session may be among them.
    pub(super) fn note_all(&self, now: Instant) {
        let mut generations = self.0.lock();
        generations.turn(now);
        generations.current.all = true;
    }

    pub(super) fn contains(&self, key: &SessionKey, now: Instant) -> bool {
        let mut generations = self.0.lock();
        generations.turn(now);
        generations.current.contains(key) || generations.previous.contains(key)
    }
}

impl Generations {
    fn turn(&mut self, now: Instant) {
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

/// Twice what a replica may lag.
const TURN: Duration = Duration::from_secs(2);
/// A bound on the memory that many changes can cost.
const MAX_LEN: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> SessionKey {
        let mut bytes = [0; SessionKey::LEN];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        SessionKey::from_bytes(bytes)
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_has_changed_is_remembered_for_a_turn_at_least() {
        let start = start();
        let lately = Lately::new(start);
        let noted = start + TURN - Duration::from_millis(1);
        lately.note(&key(1), noted);
        assert!(lately.contains(&key(1), noted) && !lately.contains(&key(2), noted));
        assert!(lately.contains(&key(1), noted + TURN));
        assert!(!lately.contains(&key(1), noted + TURN * 2));
        lately.note(&key(2), noted + TURN * 2);
        assert!(!lately.contains(&key(2), noted + TURN * 9), "nobody has asked for long");
    }

    #[test]
    fn what_was_missed_may_be_anything() {
        let start = start();
        let lately = Lately::new(start);
        lately.note_all(start);
        assert!(lately.contains(&key(1), start + TURN) && !lately.contains(&key(1), start + TURN * 2));
    }

    #[test]
    fn when_there_is_too_much_to_remember_everything_may_have_changed() {
        let start = start();
        let lately = Lately::new(start);
        (0..=MAX_LEN as u32).for_each(|n| lately.note(&key(n), start));
        assert!(lately.contains(&key(u32::MAX), start));
        assert!(!lately.contains(&key(u32::MAX), start + TURN * 2));
    }
}
