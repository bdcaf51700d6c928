use std::collections::BTreeMap;
use std::ops::Range;

use tokio::time::Instant;

use super::fault::{Fault, Kind};
use crate::checker::LossWindow;
use crate::history::Moment;
use crate::servers::FaultEffect;
use crate::slots::SlotSet;

/// The faults of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) cache_clears: u64,
    pub(crate) unexpected_failovers: u64,
    pub(crate) loss_windows: Vec<LossWindow>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) time: Range<Moment>,
    /// The slots of the affected sessions, for a fault of the servers.
    pub(crate) slots: Option<SlotSet>,
    /// When another server had taken over, if the run waited for that.
    pub(crate) taken_over: Option<Moment>,
    /// Whether it was the only fault at that time.
    pub(crate) alone: bool,
    pub(crate) text: String,
}

impl Log {
    /// Adds a fault that has just ended.
    pub(super) fn add(
        &mut self,
        fault: &Fault,
        began: Instant,
        start: Instant,
        effect: Option<FaultEffect>,
        alone: bool,
    ) {
        let moment = |instant: Instant| instant.saturating_duration_since(began);
        let mut text = fault.to_string();
        let taken_over = effect.as_ref().and_then(|effect| effect.taken_over).map(moment);
        if let Some(moment) = taken_over.filter(|_| alone) {
            text += &format!(", failover completed at {:.2}", moment.as_secs_f64());
        }
        let slots = effect.map(|FaultEffect { slots, loss_windows, server, .. }| {
            text += &format!(", server {server}");
            for window in loss_windows {
                let time = moment(window.start)..moment(window.end);
                text += &format!(
                    ", may lose writes {:.3} to {:.3}",
                    time.start.as_secs_f64(),
                    time.end.as_secs_f64()
                );
                self.loss_windows.push(LossWindow { slots: slots.clone(), time });
            }
            slots
        });
        let time = moment(start)..began.elapsed();
        self.entries.push(Entry { kind: fault.kind, time, slots, taken_over, alone, text });
    }
}
