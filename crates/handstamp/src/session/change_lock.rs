use std::thread::{self, ThreadId};

use parking_lot::{Condvar, Mutex};

/// Held by the thread that makes a change to a session; other threads wait before they make one.
///
/// It is the only lock held during a change, so that a change can wait for another thread that reads the session.
#[derive(Debug, Default)]
pub(super) struct ChangeLock {
    holder: Mutex<Option<ThreadId>>,
    released: Condvar,
}

/// Releases the lock when it is dropped.
pub(super) struct ChangeGuard<'l>(&'l ChangeLock);

impl ChangeLock {
    /// Waits for the lock.
    ///
    /// # Panics
    ///
    /// When this thread holds it already.
    pub(super) fn acquire(&self) -> ChangeGuard<'_> {
        let this = thread::current().id();
        let mut holder = self.holder.lock();
        while let Some(thread) = *holder {
            forbid(thread == this);
            self.released.wait(&mut holder);
        }
        *holder = Some(this);
        ChangeGuard(self)
    }

    /// # Panics
    ///
    /// When this thread holds the lock.
    pub(super) fn forbid_inside_of_change(&self) {
        forbid(self.is_held_by_this_thread());
    }

    /// Whether this thread holds the lock.
    pub(super) fn is_held_by_this_thread(&self) -> bool {
        *self.holder.lock() == Some(thread::current().id())
    }
}

impl Drop for ChangeGuard<'_> {
    fn drop(&mut self) {
        *self.0.holder.lock() = None;
        self.0.released.notify_one();
    }
}

#[expect(
    clippy::panic,
    reason = "the application is at fault, and would otherwise lose one of the changes, or wait for itself"
)]
fn forbid(is_inside_of_change: bool) {
    if is_inside_of_change {
        panic!("a change to a session was made inside of another change to the same session");
    }
}
