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
    era: Era,
    failures_in_a_row: u32,
    lately: FailureRate,
    /// How long it stays open at least, the next time.
    next_pause: Duration,
}

/// Tells calls from before the state changed from those since: what becomes of the former says nothing of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Era(u64);

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
            era: Era(0),
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

    /// Whether a call may go out, and if so, in which era.
    pub(super) fn admits(&mut self, now: Instant) -> Option<Era> {
        let admitted = match &mut self.state {
            State::Closed => true,
            State::Open { since, answered } => {
                let again = *answered && now.saturating_duration_since(*since) >= self.next_pause;
                if again {
                    self.enter(State::HalfOpen { trials: TRIALS - 1, left: TRIALS });
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
        };
        admitted.then_some(self.era)
    }

    /// A call that was let through has got an answer.
    pub(super) fn succeeded(&mut self, now: Instant, era: Era) {
        if era != self.era {
            return;
        }
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
    pub(super) fn failed(&mut self, now: Instant, era: Era) -> bool {
        if era != self.era {
            return false;
        }
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
            self.enter(State::Open { since: now, answered: false });
        }
        opens
    }

    /// A call that was let through was given up by whoever made it: it tells nothing, and another may try.
    pub(super) fn given_up(&mut self, era: Era) {
        if era == self.era
            && let State::HalfOpen { trials, .. } = &mut self.state
        {
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
        *self = Self { era: self.era, ..Self::new(self.settings) };
        self.enter(State::Closed);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.era = Era(self.era.0.wrapping_add(1));
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

    fn fail(breaker: &mut Breaker, now: Instant) -> bool {
        breaker.failed(now, breaker.era)
    }

    fn succeed(breaker: &mut Breaker, now: Instant) {
        breaker.succeeded(now, breaker.era);
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for failure in 1..=5 {
            assert!(breaker.admits(now).is_some());
            assert_eq!(fail(&mut breaker, now), failure == 5);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..4 {
            assert!(!fail(&mut breaker, now));
        }
        succeed(&mut breaker, now);
        assert!(!fail(&mut breaker, now));
        assert!(breaker.admits(now).is_some() && breaker.state() == CircuitState::Closed);
        let mut breaker = opened(now);
        assert!(breaker.state() == CircuitState::Open && breaker.admits(now).is_none());
    }

    #[test]
    fn it_opens_when_half_of_the_calls_fail() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        let opened = (0..20).map(|n| {
            if n % 2 == 0 {
                succeed(&mut breaker, now);
                false
            } else {
                fail(&mut breaker, now)
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
        assert!(breaker.admits(now).is_none(), "nothing was answered");
        breaker.answered();
        for _ in 0..TRIALS {
            assert!(breaker.admits(now).is_some());
        }
        assert!(breaker.admits(now).is_none(), "no more before these are back");
        breaker.given_up(breaker.era);
        assert!(breaker.admits(now).is_some(), "another in the place of one that was given up");
        for _ in 0..TRIALS {
            succeed(&mut breaker, now);
        }
        assert!((0..10).all(|_| breaker.admits(now).is_some()));
    }

    #[test]
    fn it_opens_for_longer_when_a_trial_fails() {
        let mut now = start();
        let mut breaker = opened(now);
        breaker.answered();
        assert!(breaker.admits(now).is_none());
        now += SHORTEST_PAUSE;
        assert!(breaker.admits(now).is_some());
        assert!(fail(&mut breaker, now));
        breaker.answered();
        assert!(breaker.admits(now + SHORTEST_PAUSE).is_none());
        assert!(breaker.admits(now + 2 * SHORTEST_PAUSE).is_some());
        breaker.reset();
        assert!(breaker.admits(now).is_some() && breaker.state() == CircuitState::Closed);
    }

    #[test]
    fn without_thresholds_it_never_opens() {
        let mut breaker = Breaker::new(BreakerSettings { failures_in_a_row: 0, failure_percentage: 0 });
        assert!((0..100).all(|_| !fail(&mut breaker, start())));
    }

    #[test]
    fn calls_from_before_a_change_say_nothing_of_it() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        let early = breaker.admits(now).unwrap();
        for _ in 0..5 {
            fail(&mut breaker, now);
        }
        breaker.answered();
        let later = now + SHORTEST_PAUSE;
        assert!(breaker.admits(later).is_some());
        breaker.given_up(early);
        assert!(!breaker.failed(later, early));
        assert_eq!((1..TRIALS).filter(|_| breaker.admits(later).is_some()).count(), 4);
        assert!(breaker.admits(later).is_none(), "nobody has given up one of these");
    }
}
