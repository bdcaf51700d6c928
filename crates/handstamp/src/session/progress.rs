use std::sync::atomic::{AtomicBool, Ordering};

/// What has become of a request, whether its session was opened or not.
///
/// `left` and `abandoned` change only while the state of the exchange is locked, so that a commit takes its changes
/// either before that or after it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    left: AtomicBool,
    abandoned: AtomicBool,
    /// Whether a handle of the session was dropped by a panic.
    panicked: AtomicBool,
}

impl Progress {
    /// The response is sent, and with it the last cookie.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// The request is given up. Returns whether that was before its response was sent.
    pub(super) fn abandon(&self) -> bool {
        let abandoned = !self.has_left();
        self.abandoned.store(abandoned, Ordering::Relaxed);
        abandoned
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether no cookie can be sent any more.
    pub(super) fn is_too_late(&self) -> bool {
        self.has_left() || self.is_abandoned()
    }

    /// A handle of the session is dropped by a panic: the handler's, or that of a task, which does not matter to the response.
    pub(super) fn note_panic(&self) {
        self.panicked.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }
}
