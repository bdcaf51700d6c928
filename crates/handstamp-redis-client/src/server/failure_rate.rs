use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The calls and failures of the last ten seconds, in buckets of a second.
#[derive(Debug, Default)]
pub(super) struct FailureRate {
    buckets: VecDeque<Bucket>,
    calls: u32,
    failures: u32,
}

#[derive(Debug)]
struct Bucket {
    since: Instant,
    calls: u32,
    failures: u32,
}

impl FailureRate {
    pub(super) fn record(&mut self, now: Instant, failed: bool) {
        while let Some(first) = self.buckets.front()
            && now.saturating_duration_since(first.since) >= WINDOW
        {
            self.calls -= first.calls;
            self.failures -= first.failures;
            self.buckets.pop_front();
        }
        let failures = u32::from(failed);
        self.calls += 1;
        self.failures += failures;
        match self.buckets.back_mut() {
            Some(last) if now.saturating_duration_since(last.since) < SECOND => {
                last.calls += 1;
                last.failures += failures;
            }
            _ => self.buckets.push_back(Bucket { since: now, calls: 1, failures }),
        }
    }

    /// Whether the percentage of failures is at least this, of at least twenty calls.
    pub(super) fn is_at_least(&self, percentage: u32) -> bool {
        self.calls >= MIN_CALLS
            && u64::from(self.failures) * 100 >= u64::from(self.calls) * u64::from(percentage)
    }
}

const MIN_CALLS: u32 = 20;
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
    fn a_few_calls_do_not_count() {
        let (mut rate, now) = (FailureRate::default(), start());
        for _ in 1..MIN_CALLS {
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
