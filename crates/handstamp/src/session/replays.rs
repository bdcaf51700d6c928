use std::thread::{self, ThreadId};

use parking_lot::Mutex;

/// The threads that replay changes, for all requests of a node.
#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<Vec<ThreadId>>);

/// A replay, which ends when this is dropped.
pub(super) struct Replay<'r>(&'r Replays);

impl Replays {
    /// Begins a replay on this thread.
    pub(super) fn begin(&self) -> Replay<'_> {
        self.0.lock().push(thread::current().id());
        Replay(self)
    }

    pub(super) fn is_on_this_thread(&self) -> bool {
        self.0.lock().contains(&thread::current().id())
    }
}

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        let this = thread::current().id();
        let mut threads = self.0.0.lock();
        if let Some(position) = threads.iter().position(|thread| *thread == this) {
            threads.swap_remove(position);
        }
    }
}
