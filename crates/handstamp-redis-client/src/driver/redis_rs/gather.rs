use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use tokio::task::yield_now;

/// How many commands of a connection wait for their replies.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

/// Counts a command until this is dropped.
pub(super) struct Waiting<'f>(&'f InFlight);

/// Delays a write until the tasks that are ready have run, so that the commands that they send leave with it.
///
/// A packet with many replies makes many tasks ready. The first of them that sends its next command wakes the task that drives the
/// connection, and tokio polls that one before the other tasks. Without a delay, nearly every command would be a write of its own.
///
/// A command alone is not delayed. Commands do not wait for each other beyond the write: each gets its own reply as soon as that is
/// there.
pub(super) struct Gather {
    in_flight: InFlight,
    /// How many bytes waited when the write was delayed last.
    seen: usize,
}

impl InFlight {
    pub(super) fn begin(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn is_one_alone(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 1
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gather {
    pub(super) const fn new(in_flight: InFlight) -> Self {
        Self { in_flight, seen: 0 }
    }

    /// Whether to write the bytes that wait: there are enough of them, or none were added since the last call. Otherwise the task is
    /// woken once the tasks that are ready have run.
    pub(super) fn is_complete(&mut self, cx: &mut Context<'_>, bytes: usize) -> bool {
        if bytes == self.seen || bytes >= MAX_BYTES || self.in_flight.is_one_alone() {
            return true;
        }
        self.seen = bytes;
        // The first poll has the runtime wake this task later. The rest of the future is not needed.
        let _ = pin!(yield_now()).poll(cx);
        false
    }

    /// What a write has left goes out without another delay.
    pub(super) const fn wrote(&mut self, left: usize) {
        self.seen = left;
    }
}

/// A batch of this many bytes is not delayed, and no command is added to it.
pub(super) const MAX_BYTES: usize = 64 * 1_024;
