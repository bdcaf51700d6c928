use std::ops::Range;

use crate::history::{Call, History, Moment, Operation};
use crate::slots::Part;

/// A time in which primaries may have acknowledged writes and lost them because no replica had them, and the slots concerned. WriteScope that
/// wait for replicas are safe: logins, renewals and logouts do, updates do not.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    pub(crate) part: Part,
    pub(crate) time: Range<Moment>,
}

/// The updates of a history that may be missing though they were seen or acknowledged.
#[derive(Debug)]
pub(super) struct Doubtful {
    /// By place in the history.
    places: Vec<bool>,
}

impl Doubtful {
    pub(super) fn of(history: &History, doubts: &[Doubt]) -> Self {
        let is_doubtful = |call: &Call| {
            let slot = history.slot_of(call);
            call.operation == Operation::Visit
                && !call.is_rejected()
                && doubts.iter().any(|doubt| {
                    // The server did it some time in between.
                    slot.is_some_and(|slot| doubt.part.has(slot))
                        && call.start <= doubt.time.end
                        && call.end >= doubt.time.start
                })
        };
        Self { places: history.calls.iter().map(is_doubtful).collect() }
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.places[place]
    }

    /// How many of them were acknowledged.
    pub(super) fn acknowledged(&self, calls: &[Call]) -> u64 {
        calls.iter().zip(&self.places).filter(|(call, doubtful)| **doubtful && call.is_done()).count() as u64
    }
}
