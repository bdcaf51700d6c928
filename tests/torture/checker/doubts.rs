use std::ops::Range;

use crate::history::{Call, History, Moment, Operation, Outcome};
use crate::slots::Part;

/// When primaries may have acknowledged what was then lost, since no replica had heard of it, and in which slots. Only
/// those who wait for replicas are safe from that: logins, renewals and logouts do, updates do not.
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
                && call.outcome != Outcome::Refused
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
