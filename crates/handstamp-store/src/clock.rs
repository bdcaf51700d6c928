use std::fmt;
use std::time::{Instant, SystemTime};

use handstamp_core::time::Timestamp;

/// Where the time comes from.
///
/// There are two kinds: the monotonic one, for how long something has lasted on this node, and the wall clock,
/// for deadlines that all nodes share. Tests bring their own.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The monotonic time.
    fn now(&self) -> Instant;

    /// The wall-clock time.
    fn timestamp(&self) -> Timestamp;
}

/// The clocks of the machine. The monotonic one stands still where tokio's time is paused.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn timestamp(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
