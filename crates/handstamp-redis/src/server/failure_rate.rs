use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The calls of the last seconds, counted by the second.
#[derive(Debug, Default)]
pub(super) struct FailureRate {
    seconds: VecDeque<Second>,
    calls: u32,
    failures: u32,
}

#[derive(Debug)]
struct Second {
    since: Instant,
    calls: u32,
    failures: u32,
}

impl FailureRate {
    pub(super) fn record(&mut self, now: Instant, failed: bool) {
        while let Some(first) = self.seconds.front()
            && now.saturating_duration_since(first.since) >= WINDOW
        {
            self.calls -= first.calls;
            self.failures -= first.failures;
            self.seconds.pop_front();
        }
        let failures = u32::from(failed);
        self.calls += 1;
        self.failures += failures;
        match self.seconds.back_mut() {
            Some(last) if now.saturating_duration_since(last.since) < SECOND => {
                last.calls += 1;
                last.failures += failures;
            }
            _ => self.seconds.push_back(Second { since: now, calls: 1, failures }),
        }
    }

    /// Whether that many of a hundred have failed, of calls enough to say so.
    pub(super) fn is_at_least(&self, percentage: u32) -> bool {
        self.calls >= ENOUGH
            && u64::from(self.failures) * 100 >= u64::from(self.calls) * u64::from(percentage)
    }
}

const ENOUGH: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_few_calls_say_nothing() {
        let (mut rate, now) = (FailureRate::default(), start());
        for _ in 1..ENOUGH {
            rate.record(now, true);
            assert!(!rate.is_at_least(1));
        }
        rate.record(now, true);
        assert!(rate.is_at_least(100));
    }

    #[test]
    fn old_calls_are_forgotten() {
        let (mut rate, start) = (FailureRate::default(), start());
        for second in 0..10 {
            for _ in 0..10 {
                rate.record(start + SECOND * second, second < 5);
            }
        }
        assert!(rate.is_at_least(50) && !rate.is_at_least(51));
        rate.record(start + WINDOW + SECOND * 2, false);
        assert!(rate.is_at_least(28) && !rate.is_at_least(29), "three seconds are gone: 20 of 71");
    }
}
