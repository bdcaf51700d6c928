use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::replays::Replays;

/// What has become of a request, whether its session was loaded or not.
///
/// `response_sent` and `abandoned` change only while the state of the session is locked, so that a commit takes its changes either
/// before that or after it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    response_sent: AtomicBool,
    abandoned: AtomicBool,
    /// Whether a handle of the session was dropped by a panic.
    panicked: AtomicBool,
    /// Whether the application got an error of this session.
    failed: AtomicBool,
    /// There are none before the first change.
    replays: OnceLock<Arc<Replays>>,
}

impl Progress {
    /// The response is sent, and with it the last cookie.
    pub(super) fn send_response(&self) {
        self.response_sent.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_response_sent(&self) -> bool {
        self.response_sent.load(Ordering::Relaxed)
    }

    /// The request is cancelled. Returns whether that was before its response was sent.
    pub(super) fn abandon(&self) -> bool {
        let abandoned = !self.is_response_sent();
        self.abandoned.store(abandoned, Ordering::Relaxed);
        abandoned
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether the response can still set a cookie.
    pub(super) fn can_set_cookie(&self) -> bool {
        !self.is_response_sent() && !self.is_abandoned()
    }

    /// To be called where a panic of the handler or of a task would unwind. The panic of a replayed change is not one of them: it drops a
    /// handle of the session if the change has captured one.
    pub(super) fn note_panic(&self) {
        if std::thread::panicking() && !self.replays.get().is_some_and(|replays| replays.is_on_this_thread())
        {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// For the changes of this request.
    pub(super) fn replays(&self) -> Arc<Replays> {
        self.replays.get_or_init(Arc::default).clone()
    }

    /// The application gets an error of this session.
    pub(super) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}
