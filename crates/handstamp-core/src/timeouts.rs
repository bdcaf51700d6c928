//! The idle timeout and the absolute lifetime of sessions.

use std::time::Duration;

use crate::time::Timestamp;

/// The two limits of every session. It ends at the earlier one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// How long a session lives without being used. The store keeps it as the time to live of the record.
    pub idle: Duration,
    /// How long a session lives at most, regardless of use. The record contains it as a deadline.
    pub absolute: Duration,
}

impl Timeouts {
    /// One hour idle, one day absolute.
    pub const DEFAULT: Self =
        Self { idle: Duration::from_secs(3_600), absolute: Duration::from_secs(86_400) };

    /// The absolute deadline of a session created `now`.
    #[must_use]
    pub fn deadline(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.absolute)
    }

    /// The time to live of a session used `now`: the idle timeout, but not beyond the absolute deadline. `None` once that
    /// has passed.
    #[must_use]
    pub fn time_to_live(&self, now: Timestamp, deadline: Timestamp) -> Option<Duration> {
        let left = deadline.since(now);
        (left > Duration::ZERO).then(|| left.min(self.idle))
    }

    /// The effective absolute deadline of a session with a stored `deadline`: never later than today's settings allow. The
    /// stored one may be later because the settings were longer when the session was created, or because a clock was wrong.
    #[must_use]
    pub fn clamped_deadline(&self, created_at: Timestamp, deadline: Timestamp) -> Timestamp {
        deadline.min(self.deadline(created_at))
    }

    /// Whether a stored `created_at` is in the future, beyond the tolerance between nodes, so that a clock must have been wrong.
    #[must_use]
    pub fn begins_ahead(now: Timestamp, created_at: Timestamp) -> bool {
        created_at.since(now) > CLOCK_TOLERANCE
    }

    /// Whether a record needs a new time to live: `remaining` is longer than today's idle timeout, or missing.
    #[must_use]
    pub fn outlives_idle(&self, remaining: Option<Duration>) -> bool {
        remaining.is_none_or(|left| left > self.idle.saturating_add(ROUNDING))
    }

    /// How long a session lives if it is not used, by the `remaining` time to live of its record. A record without one counts
    /// from its last save, with the `idle_timeout` of that time.
    #[must_use]
    pub fn idle_left(
        &self,
        now: Timestamp,
        saved_at: Timestamp,
        idle_timeout: Duration,
        remaining: Option<Duration>,
    ) -> Duration {
        remaining.unwrap_or_else(|| idle_timeout.saturating_sub(now.since(saved_at))).min(self.idle)
    }

    /// The time until a session with `remaining` time to live is due for a touch, which restores its full time to live. It is
    /// due a tenth of the idle timeout after the last touch, so that a busy session is not written at every request; never, if the absolute
    /// deadline leaves nothing to extend.
    #[must_use]
    pub fn touch_due_in(&self, now: Timestamp, deadline: Timestamp, remaining: Duration) -> Duration {
        let left = deadline.since(now);
        if left <= remaining {
            return Duration::MAX;
        }
        // The time since the last touch.
        let unused = self.idle.min(left).saturating_sub(remaining);
        self.touch_interval().saturating_sub(unused)
    }

    /// The shortest time between two touches of a session: a tenth of the idle timeout.
    #[must_use]
    pub fn touch_interval(&self) -> Duration {
        self.idle / TOUCHES_PER_IDLE_TIMEOUT
    }

    /// When a session with `remaining` time to live was last used, accurate to a tenth of the idle timeout, and never before
    /// `created_at`. Shortly before the absolute deadline, which shortens the time to live, it may be too early.
    #[must_use]
    pub fn last_seen(&self, now: Timestamp, created_at: Timestamp, remaining: Duration) -> Timestamp {
        now.saturating_sub(self.idle.saturating_sub(remaining)).max(created_at).min(now)
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const TOUCHES_PER_IDLE_TIMEOUT: u32 = 10;
/// All nodes use the same clock, and read it over a network.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);
/// Times to live are stored in whole milliseconds, rounded up.
const ROUNDING: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts { idle: secs(100), absolute: secs(1_000) };
    const DEADLINE: Timestamp = Timestamp::from_millis(1_000_000);

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(secs * 1_000)
    }

    #[test]
    fn the_time_to_live_is_the_idle_timeout_up_to_the_deadline() {
        assert_eq!(TIMEOUTS.deadline(at(0)), DEADLINE);
        assert_eq!(TIMEOUTS.time_to_live(at(0), DEADLINE), Some(secs(100)));
        assert_eq!(TIMEOUTS.time_to_live(at(900), DEADLINE), Some(secs(100)));
        assert_eq!(TIMEOUTS.time_to_live(at(950), DEADLINE), Some(secs(50)));
        assert_eq!(TIMEOUTS.time_to_live(at(1_000), DEADLINE), None);
        assert_eq!(TIMEOUTS.time_to_live(at(2_000), DEADLINE), None);
    }

    /// K5.4, S84
    #[test]
    fn k5_4_stored_deadlines_are_limited_by_todays_settings() {
        let clamped = |created_at, deadline| TIMEOUTS.clamped_deadline(at(created_at), at(deadline));
        assert_eq!(clamped(0, 1_000), at(1_000));
        assert_eq!(clamped(0, 500), at(500), "created under shorter settings");
        assert_eq!(clamped(0, 5_000), at(1_000), "created under longer settings");
        assert_eq!(TIMEOUTS.idle_left(at(10), at(0), secs(100), Some(secs(70))), secs(70));
        assert_eq!(TIMEOUTS.idle_left(at(10), at(0), secs(7_000), Some(secs(7_000))), secs(100));
    }

    /// K5.4: nodes with the same settings and nearly the same time correct nothing.
    #[test]
    fn k5_4_differences_within_the_tolerance_are_not_corrected() {
        for (created_at, ahead) in [(0, false), (10, false), (11, false), (12, true), (90_000, true)] {
            assert_eq!(Timeouts::begins_ahead(at(10), at(created_at)), ahead, "created at {created_at}");
        }
        let millis = Duration::from_millis;
        for (remaining, longer) in [(99_999, false), (100_000, false), (100_001, false), (100_002, true)] {
            assert_eq!(TIMEOUTS.outlives_idle(Some(millis(remaining))), longer, "{remaining} ms");
        }
        assert!(TIMEOUTS.outlives_idle(None));
    }

    /// K5.4, F19, S28
    #[test]
    fn k5_4_without_a_time_to_live_the_idle_timeout_counts_from_the_last_save() {
        assert_eq!(TIMEOUTS.idle_left(at(30), at(0), secs(100), None), secs(70));
        assert_eq!(TIMEOUTS.idle_left(at(100), at(0), secs(100), None), secs(0));
        assert_eq!(TIMEOUTS.idle_left(at(500), at(0), secs(100), None), secs(0));
        assert_eq!(
            TIMEOUTS.idle_left(at(30), at(0), secs(50), None),
            secs(20),
            "saved under a shorter timeout"
        );
    }

    #[test]
    fn touches_are_throttled_to_a_tenth_of_the_idle_timeout() {
        for (remaining, due_in) in [(100, 10), (97, 7), (91, 1), (90, 0), (50, 0), (0, 0)] {
            let actual = TIMEOUTS.touch_due_in(at(0), DEADLINE, secs(remaining));
            assert_eq!(actual, secs(due_in), "with {remaining} seconds remaining");
        }
    }

    #[test]
    fn near_the_deadline_no_touch_is_due() {
        assert_eq!(TIMEOUTS.touch_due_in(at(950), DEADLINE, secs(50)), Duration::MAX);
        assert_eq!(TIMEOUTS.touch_due_in(at(950), DEADLINE, secs(30)), Duration::ZERO);
        assert_eq!(TIMEOUTS.touch_due_in(at(1_001), DEADLINE, Duration::ZERO), Duration::MAX);
    }

    #[test]
    fn last_seen_follows_from_the_remaining_time_to_live() {
        assert_eq!(TIMEOUTS.last_seen(at(500), at(0), secs(100)), at(500));
        assert_eq!(TIMEOUTS.last_seen(at(500), at(0), secs(30)), at(430));
        assert_eq!(TIMEOUTS.last_seen(at(50), at(20), secs(0)), at(20));
        assert_eq!(TIMEOUTS.last_seen(at(500), at(0), secs(400)), at(500));
    }
}
