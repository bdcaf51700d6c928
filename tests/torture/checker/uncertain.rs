use std::ops::Range;

use crate::history::{Call, History, Moment, Operation};
use crate::slots::SlotSet;

/// A time in which primaries may have acknowledged writes and lost them, because no replica had them, and the affected slots. Logins,
/// renewals and logouts are safe, because they wait for replicas; updates do not wait.
#[derive(Clone, Debug)]
pub(crate) struct LossWindow {
    pub(crate) slots: SlotSet,
    pub(crate) time: Range<Moment>,
}

/// The updates of a history that may be missing although they were seen or acknowledged.
#[derive(Debug)]
pub(super) struct UncertainUpdates {
    /// By index in the history.
    places: Vec<bool>,
}

impl UncertainUpdates {
    pub(super) fn of(history: &History, loss_windows: &[LossWindow]) -> Self {
        let is_uncertain_update = |call: &Call| {
            let slot = history.slot_of(call);
            call.operation == Operation::Visit
                && !call.is_rejected()
                && loss_windows.iter().any(|window| {
                    // The server executed the update at an unknown time during the call.
                    slot.is_some_and(|slot| window.slots.has(slot))
                        && call.start <= window.time.end
                        && call.end >= window.time.start
                })
        };
        Self { places: history.calls.iter().map(is_uncertain_update).collect() }
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.places[place]
    }

    /// The number of acknowledged updates among them.
    pub(super) fn acknowledged(&self, calls: &[Call]) -> u64 {
        calls.iter().zip(&self.places).filter(|(call, uncertain)| **uncertain && call.is_done()).count()
            as u64
    }
}
