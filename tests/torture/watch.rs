use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::checker::LossWindow;
use crate::faults::Log;
use crate::servers::Servers;
use crate::slots::SlotSet;

/// Detects unexpected failovers: on a busy machine, a primary may be suspended for so long that a replica takes over.
pub(crate) struct Watch {
    primaries: BTreeSet<usize>,
    checked_at: Instant,
}

impl Watch {
    pub(crate) fn begin(servers: &Servers) -> Self {
        let checked_at = Instant::now();
        Self { primaries: servers.primaries(), checked_at }
    }

    /// Compares the primaries with those of the last call. If one was replaced unexpectedly, all updates acknowledged since then are
    /// uncertain.
    pub(crate) fn check(
        &mut self,
        servers: &Servers,
        replaced: &BTreeSet<usize>,
        began: Instant,
        log: &mut Log,
    ) {
        let now = Self::begin(servers);
        if self.primaries.difference(&now.primaries).any(|primary| !replaced.contains(primary)) {
            log.unexpected_failovers += 1;
            let time = self.checked_at.saturating_duration_since(began)..began.elapsed();
            log.loss_windows.push(LossWindow { slots: SlotSet::all(), time });
        }
        *self = now;
    }
}
