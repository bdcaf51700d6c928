use std::time::{Duration, Instant};

use handstamp_core::throttle::Throttle;
use parking_lot::Mutex;

/// Whether records come up that are sealed under a secret that this node does not have: then a rotation of secrets has not
/// been rolled out to it, or has gone too far.
#[derive(Debug)]
pub(super) struct UnknownKeys {
    last: Mutex<Option<Instant>>,
    log: Throttle,
}

impl UnknownKeys {
    /// Such a record has been loaded.
    pub(super) fn note(&self, now: Instant) {
        *self.last.lock() = Some(now);
        if let Some(more) = self.log.admit(now) {
            tracing::error!(
                more,
                "a session record is sealed under a secret that this node does not have: it cannot be read"
            );
        }
    }

    /// Whether there was one recently.
    pub(super) fn were_seen_lately(&self, now: Instant) -> bool {
        self.last.lock().is_some_and(|last| now.saturating_duration_since(last) < WHILE)
    }
}

impl Default for UnknownKeys {
    fn default() -> Self {
        Self { last: Mutex::default(), log: Throttle::new(WHILE) }
    }
}

const WHILE: Duration = Duration::from_secs(60);
