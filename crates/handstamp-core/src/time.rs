//! Wall-clock time, as stored in records.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant of wall-clock time, in whole milliseconds since the Unix epoch.
///
/// Records store these, so that all nodes read the same instant from the same bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The instant `duration` later; the latest possible one if that overflows.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// The instant `duration` earlier; the Unix epoch if that would be before it.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch become the epoch itself.
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(timestamp.0)
    }
}

/// The duration in milliseconds, rounded down.
#[must_use]
pub fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let start = Timestamp::from_millis(1_000);
        assert_eq!(start.saturating_add(Duration::from_secs(1)), Timestamp::from_millis(2_000));
        assert_eq!(start.saturating_add(Duration::MAX), Timestamp::from_millis(u64::MAX));
        assert_eq!(start.saturating_sub(Duration::from_secs(2)), Timestamp::from_millis(0));
        assert_eq!(start.since(Timestamp::from_millis(400)), Duration::from_millis(600));
        assert_eq!(start.since(Timestamp::from_millis(4_000)), Duration::ZERO);
    }

    #[test]
    fn system_time_round_trips() {
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        assert_eq!(SystemTime::from(Timestamp::from(time)), time);
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)).as_millis(), 0);
    }
}
