use std::sync::atomic::{AtomicBool, Ordering};

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

    pub(super) fn note_panic(&self) {
        self.panicked.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// The application gets an error of this session.
    pub(super) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}
