use std::time::{Duration, Instant};

use handstamp_core::throttle::Throttle;
use parking_lot::Mutex;

/// Whether the store has records that are sealed under a secret that this node does not have: a rotation of secrets has not reached this
/// node yet, or the old secret was removed too early.
#[derive(Debug)]
pub(super) struct UnknownKeys {
    last: Mutex<Option<Instant>>,
    log: Throttle,
}

impl UnknownKeys {
    /// The node has loaded such a record.
    pub(super) fn record(&self, now: Instant) {
        *self.last.lock() = Some(now);
        if let Some(more) = self.log.admit(now) {
            tracing::error!(
                more,
                "a session record is sealed under a secret that this node does not have: it cannot be read"
            );
        }
    }

    /// Whether the node has loaded such a record within the last minute.
    pub(super) fn were_seen_recently(&self, now: Instant) -> bool {
        self.last.lock().is_some_and(|last| now.saturating_duration_since(last) < MINUTE)
    }
}

impl Default for UnknownKeys {
    fn default() -> Self {
        Self { last: Mutex::default(), log: Throttle::new(MINUTE) }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
