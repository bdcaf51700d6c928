use std::time::{Duration, Instant};

use super::BreakerSettings;
use super::failure_rate::FailureRate;

/// Keeps requests from a server that does not answer, so that nobody waits for it in vain.
///
/// It opens after so many failures in a row, or when too large a part of all calls lately have failed. While it is open,
/// the server is probed; when it answers, a few calls are let through, and the breaker closes when all of those succeed.
/// Only silence and lost connections count as failures: a server that refuses something is there.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
    failures_in_a_row: u32,
    lately: FailureRate,
    /// How long it stays open at least, the next time.
    next_pause: Duration,
}

/// Whether a server is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CircuitState {
    /// It is.
    Closed,
    /// It has not answered lately, and is probed only.
    Open,
    /// It has answered a probe, and some calls are let through to see whether it is well.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Closed,
    /// Nobody gets through.
    Open {
        since: Instant,
        /// Whether a probe has been answered since.
        answered: bool,
    },
    /// Some get through, so many of whom are still to succeed.
    HalfOpen {
        trials: u32,
        left: u32,
    },
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: State::Closed,
            failures_in_a_row: 0,
            lately: FailureRate::default(),
            next_pause: SHORTEST_PAUSE,
        }
    }

    pub(super) const fn state(&self) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Whether a call may go out.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed => true,
            State::Open { since, answered } => {
                let again = *answered && now.saturating_duration_since(*since) >= self.next_pause;
                if again {
                    self.state = State::HalfOpen { trials: TRIALS - 1, left: TRIALS };
                }
                again
            }
            State::HalfOpen { trials, .. } => match trials.checked_sub(1) {
                Some(fewer) => {
                    *trials = fewer;
                    true
                }
                None => false,
            },
        }
    }

    /// A call that was let through has got an answer.
    pub(super) fn succeeded(&mut self, now: Instant) {
        self.failures_in_a_row = 0;
        self.lately.record(now, false);
        if let State::HalfOpen { left, .. } = &mut self.state {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.reset();
            }
        }
    }

    /// A call that was let through has got none. Returns whether this opened the circuit.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.lately.record(now, true);
        let BreakerSettings { failures_in_a_row, failure_percentage } = self.settings;
        let opens = match self.state {
            State::Closed => {
                failures_in_a_row > 0 && self.failures_in_a_row >= failures_in_a_row
                    || failure_percentage > 0 && self.lately.is_at_least(failure_percentage)
            }
            State::HalfOpen { .. } => {
                self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
                true
            }
            State::Open { .. } => false,
        };
        if opens {
            self.state = State::Open { since: now, answered: false };
        }
        opens
    }

    /// A call that was let through was given up by whoever made it: it tells nothing, and another may try.
    pub(super) fn given_up(&mut self) {
        if let State::HalfOpen { trials, .. } = &mut self.state {
            *trials += 1;
        }
    }

    /// The server has answered a probe.
    pub(super) fn answered(&mut self) {
        if let State::Open { answered, .. } = &mut self.state {
            *answered = true;
        }
    }

    /// Closes it, whatever was.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.settings);
    }
}

const TRIALS: u32 = 5;
/// How long the circuit stays open at least: a server that answers probes and nothing else is let alone for longer each
/// time, but never so long that its recovery goes unnoticed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for failure in 1..=5 {
            assert!(breaker.admits(now));
            assert_eq!(breaker.failed(now), failure == 5);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..4 {
            assert!(!breaker.failed(now));
        }
        breaker.succeeded(now);
        assert!(!breaker.failed(now));
        assert!(breaker.admits(now) && breaker.state() == CircuitState::Closed);
        let mut breaker = opened(now);
        assert!(breaker.state() == CircuitState::Open && !breaker.admits(now));
    }

    #[test]
    fn it_opens_when_half_of_the_calls_fail() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        let opened = (0..20).map(|n| {
            if n % 2 == 0 {
                breaker.succeeded(now);
                false
            } else {
                breaker.failed(now)
            }
        });
        assert_eq!(opened.filter(|opened| *opened).count(), 1);
        assert!(breaker.state() == CircuitState::Open);
    }

    #[test]
    fn it_closes_when_all_trials_after_an_answer_succeed() {
        let mut now = start();
        let mut breaker = opened(now);
        now += Duration::from_secs(60);
        assert!(!breaker.admits(now), "nothing was answered");
        breaker.answered();
        for _ in 0..TRIALS {
            assert!(breaker.admits(now));
        }
        assert!(!breaker.admits(now), "no more before these are back");
        breaker.given_up();
        assert!(breaker.admits(now), "another in the place of one that was given up");
        for _ in 0..TRIALS {
            breaker.succeeded(now);
        }
        assert!((0..10).all(|_| breaker.admits(now)));
    }

    #[test]
    fn it_opens_for_longer_when_a_trial_fails() {
        let mut now = start();
        let mut breaker = opened(now);
        breaker.answered();
        assert!(!breaker.admits(now));
        now += SHORTEST_PAUSE;
        assert!(breaker.admits(now));
        assert!(breaker.failed(now));
        breaker.answered();
        assert!(!breaker.admits(now + SHORTEST_PAUSE));
        assert!(breaker.admits(now + 2 * SHORTEST_PAUSE));
        breaker.reset();
        assert!(breaker.admits(now) && breaker.state() == CircuitState::Closed);
    }

    #[test]
    fn without_thresholds_it_never_opens() {
        let mut breaker = Breaker::new(BreakerSettings { failures_in_a_row: 0, failure_percentage: 0 });
        assert!((0..100).all(|_| !breaker.failed(start())));
    }
}
