//! Faults of nodes, servers and connections, injected during a run.

mod fault;
mod log;
mod picker;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep, sleep_until};

use self::fault::Target;
pub(crate) use self::fault::{Fault, Kind};
pub(crate) use self::log::{Entry, Log};
use self::picker::FaultPicker;
use crate::fleet::Fleet;
use crate::watch::Watch;

/// Injects one or two faults at a time, with pauses in between, until `deadline`. Returns after the end of all faults.
pub(crate) async fn run(
    fleet: &mut Fleet,
    watch: &mut Watch,
    mut rng: Rng,
    began: Instant,
    deadline: Instant,
) -> Log {
    let mut log = Log::default();
    let mut picker = FaultPicker::of(&fleet.servers);
    loop {
        let pause = Duration::from_millis(rng.u64(500..3_000));
        if Instant::now() + pause >= deadline {
            sleep_until(deadline).await;
            return log;
        }
        sleep(pause).await;
        let mut faults = vec![picker.pick(&mut rng)];
        if rng.bool() {
            let second = picker.pick(&mut rng);
            if faults[0].can_combine_with(&second) {
                faults.push(second);
            } else {
                // It is picked next.
                picker.remaining.push(second.kind);
            }
        }
        let replaced = inject(fleet, faults, rng.bool(), began, &mut log).await;
        watch.check(&fleet.servers, &replaced, began, &mut log);
    }
}

/// Begins all faults, and ends each after its duration. With `clear`, clears all caches meanwhile. Returns the primaries that were
/// replaced on purpose.
async fn inject(
    fleet: &mut Fleet,
    mut faults: Vec<Fault>,
    clear: bool,
    began: Instant,
    log: &mut Log,
) -> BTreeSet<usize> {
    let mut replaced = BTreeSet::new();
    faults.sort_by_key(Fault::pause_before_end);
    let alone = faults.len() == 1;
    let mut running = Vec::new();
    for fault in faults {
        let start = Instant::now();
        *log.counts.entry(fault.kind).or_default() += 1;
        let effect = fault.begin(fleet).await;
        if matches!(fault.kind, Kind::KillPrimary | Kind::StopPrimary | Kind::FailOver) {
            replaced.extend(effect.as_ref().map(|effect| effect.server));
        }
        running.push((fault, start, effect));
    }
    if clear && running.iter().all(|(fault, ..)| fault.target != Target::Servers) {
        fleet.clear_all_caches();
        log.cache_clears += 1;
    }
    for (fault, start, mut effect) in running {
        if let (true, Some(effect)) = (alone, &mut effect) {
            // Together with another fault, that could take too long.
            fleet.servers.until_taken_over(&fault, effect).await;
        }
        sleep_until(start + fault.pause_before_end()).await;
        fault.end(fleet, effect.as_mut()).await;
        log.add(&fault, began, start, effect, alone);
    }
    replaced
}
