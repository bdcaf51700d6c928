use std::thread::{self, ThreadId};

use parking_lot::{Condvar, Mutex};

/// The thread that makes a change to a session. There is one at a time; others wait until it has finished.
///
/// No other lock is held during a change: it can wait for another thread that reads the session.
#[derive(Debug, Default)]
pub(super) struct Changer {
    thread: Mutex<Option<ThreadId>>,
    finished: Condvar,
}

/// This thread is the one that makes a change.
pub(super) struct Changing<'c>(&'c Changer);

impl Changer {
    /// Makes this thread the one that makes a change.
    ///
    /// # Panics
    ///
    /// When it is the one already.
    pub(super) fn begin(&self) -> Changing<'_> {
        let this = thread::current().id();
        let mut thread = self.thread.lock();
        while let Some(other) = *thread {
            refuse(other == this);
            self.finished.wait(&mut thread);
        }
        *thread = Some(this);
        Changing(self)
    }

    /// # Panics
    ///
    /// When this thread makes a change.
    pub(super) fn refuse_inside_of_change(&self) {
        refuse(self.is_this_thread());
    }

    /// Whether this thread makes a change.
    pub(super) fn is_this_thread(&self) -> bool {
        *self.thread.lock() == Some(thread::current().id())
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        *self.0.thread.lock() = None;
        self.0.finished.notify_one();
    }
}

#[expect(
    clippy::panic,
    reason = "a mistake in the application, which would otherwise lose one of the changes, or wait for itself"
)]
fn refuse(is_inside_of_change: bool) {
    if is_inside_of_change {
        panic!("a change to a session was made inside of another change to the same session");
    }
}
