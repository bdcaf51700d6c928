use std::fmt;
use std::time::{Instant, SystemTime};

use handstamp_core::time::Timestamp;

/// A source of time. Tests use a clock of their own, such as [`ManualClock`](crate::ManualClock).
///
/// The monotonic time measures durations on one node. The wall-clock time is for deadlines that all nodes share.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The monotonic time.
    fn now(&self) -> Instant;

    /// The wall-clock time.
    fn timestamp(&self) -> Timestamp;
}

/// The clocks of the operating system. The monotonic time stops while tokio's time is paused.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the source of time")]
    fn timestamp(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
