use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::checker::Doubt;
use crate::faults::Log;
use crate::servers::Servers;
use crate::slots::Part;

/// Invalidations failovers that the run did not ask for: on a busy machine, a primary may stand still for so long that a replica
/// takes over.
pub(crate) struct Watch {
    primaries: BTreeSet<usize>,
    looked: Instant,
}

impl Watch {
    pub(crate) fn begin(servers: &Servers) -> Self {
        let looked = Instant::now();
        Self { primaries: servers.primaries(), looked }
    }

    /// Compares the primaries with the ones of the last time. If one is missing that was not to be replaced, all writes
    /// acknowledged in between are in doubt.
    pub(crate) fn look(
        &mut self,
        servers: &Servers,
        replaced: &BTreeSet<usize>,
        began: Instant,
        log: &mut Log,
    ) {
        let now = Self::begin(servers);
        if self.primaries.difference(&now.primaries).any(|primary| !replaced.contains(primary)) {
            log.unasked_failovers += 1;
            let time = self.looked.saturating_duration_since(began)..began.elapsed();
            log.doubts.push(Doubt { part: Part::all(), time });
        }
        *self = now;
    }
}
