use std::time::{Duration, Instant};

use super::failure_rate::FailureRate;
use crate::{BreakerSettings, CircuitState};

/// Keeps commands from a server that does not reply, so that they fail at once.
///
/// It opens after a number of failures in a row, or when a percentage of the recent calls has failed. While it is open, the
/// server is probed; when it replies, a few trial calls are admitted, and the breaker closes when all of them succeed.
/// Only missing replies and lost connections count as failures: an error reply is a reply.
///
/// ## Closed => Open       too many failures
/// ## Open => HalfOpen     a probe has succeeded, and the pause is over
/// ## HalfOpen => Closed   all trial calls have succeeded
/// ## HalfOpen => Open     a trial call has failed: the next pause is longer
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
    epoch: Epoch,
    failures_in_a_row: u32,
    error_window: FailureRate,
    /// How long it stays open at least, the next time.
    next_pause: Duration,
}

/// Distinguishes calls from before a change of state, whose outcome no longer counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Epoch(u64);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Closed,
    Open { since: Instant, probe_succeeded: bool },
    HalfOpen { to_admit: u32, to_succeed: u32 },
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: State::Closed,
            epoch: Epoch(0),
            failures_in_a_row: 0,
            error_window: FailureRate::default(),
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

    /// Admits a call, or not.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Epoch> {
        let admitted = match &mut self.state {
            State::Closed => true,
            State::Open { since, probe_succeeded } => {
                let again = *probe_succeeded && now.saturating_duration_since(*since) >= self.next_pause;
                if again {
                    self.enter(State::HalfOpen { to_admit: TRIALS - 1, to_succeed: TRIALS });
                }
                again
            }
            State::HalfOpen { to_admit, .. } => match to_admit.checked_sub(1) {
                Some(fewer) => {
                    *to_admit = fewer;
                    true
                }
                None => false,
            },
        };
        admitted.then_some(self.epoch)
    }

    /// An admitted call has got a reply.
    pub(super) fn succeeded(&mut self, now: Instant, epoch: Epoch) {
        if epoch != self.epoch {
            return;
        }
        self.failures_in_a_row = 0;
        self.error_window.record(now, false);
        if let State::HalfOpen { to_succeed, .. } = &mut self.state {
            *to_succeed = to_succeed.saturating_sub(1);
            if *to_succeed == 0 {
                self.reset();
            }
        }
    }

    /// An admitted call has got no reply. Returns whether this opened the circuit.
    pub(super) fn failed(&mut self, now: Instant, epoch: Epoch) -> bool {
        if epoch != self.epoch {
            return false;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.error_window.record(now, true);
        let BreakerSettings { failures_in_a_row, failure_percentage } = self.settings;
        let opens = match self.state {
            State::Closed => {
                failures_in_a_row > 0 && self.failures_in_a_row >= failures_in_a_row
                    || failure_percentage > 0 && self.error_window.is_at_least(failure_percentage)
            }
            State::HalfOpen { .. } => {
                self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
                true
            }
            State::Open { .. } => false,
        };
        if opens {
            self.enter(State::Open { since: now, probe_succeeded: false });
        }
        opens
    }

    /// An admitted call was cancelled by its caller, so that its outcome is unknown: another call is admitted in its place.
    pub(super) fn cancelled(&mut self, epoch: Epoch) {
        if epoch == self.epoch
            && let State::HalfOpen { to_admit, .. } = &mut self.state
        {
            *to_admit += 1;
        }
    }

    /// The server has replied to a probe.
    pub(super) fn probe_succeeded(&mut self) {
        if let State::Open { probe_succeeded, .. } = &mut self.state {
            *probe_succeeded = true;
        }
    }

    /// Closes it, whatever its state.
    pub(super) fn reset(&mut self) {
        *self = Self { epoch: self.epoch, ..Self::new(self.settings) };
        self.enter(State::Closed);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = Epoch(self.epoch.0.wrapping_add(1));
    }
}

const TRIALS: u32 = 5;
/// How long the circuit stays open at least: longer each time that a server replies to probes only, but never so long that
/// its recovery goes unnoticed.
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
        breaker.failed(now, breaker.epoch)
    }

    fn succeed(breaker: &mut Breaker, now: Instant) {
        breaker.succeeded(now, breaker.epoch);
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for failure in 1..=5 {
            assert!(breaker.admit(now).is_some());
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
        assert!(breaker.admit(now).is_some() && breaker.state() == CircuitState::Closed);
        let mut breaker = opened(now);
        assert!(breaker.state() == CircuitState::Open && breaker.admit(now).is_none());
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
    fn it_closes_when_all_trials_after_a_probe_succeed() {
        let mut now = start();
        let mut breaker = opened(now);
        now += Duration::from_secs(60);
        assert!(breaker.admit(now).is_none(), "no probe has succeeded");
        breaker.probe_succeeded();
        for _ in 0..TRIALS {
            assert!(breaker.admit(now).is_some());
        }
        assert!(breaker.admit(now).is_none(), "no more before these have a reply");
        breaker.cancelled(breaker.epoch);
        assert!(breaker.admit(now).is_some(), "another in the place of one that was given up");
        for _ in 0..TRIALS {
            succeed(&mut breaker, now);
        }
        assert!((0..10).all(|_| breaker.admit(now).is_some()));
    }

    #[test]
    fn it_opens_for_longer_when_a_trial_fails() {
        let mut now = start();
        let mut breaker = opened(now);
        breaker.probe_succeeded();
        assert!(breaker.admit(now).is_none());
        now += SHORTEST_PAUSE;
        assert!(breaker.admit(now).is_some());
        assert!(fail(&mut breaker, now));
        breaker.probe_succeeded();
        assert!(breaker.admit(now + SHORTEST_PAUSE).is_none());
        assert!(breaker.admit(now + 2 * SHORTEST_PAUSE).is_some());
        breaker.reset();
        assert!(breaker.admit(now).is_some() && breaker.state() == CircuitState::Closed);
    }

    #[test]
    fn without_thresholds_it_never_opens() {
        let mut breaker = Breaker::new(BreakerSettings { failures_in_a_row: 0, failure_percentage: 0 });
        assert!((0..100).all(|_| !fail(&mut breaker, start())));
    }

    #[test]
    fn calls_from_before_a_change_do_not_count() {
        let now = start();
        let mut breaker = Breaker::new(BreakerSettings::default());
        let early = breaker.admit(now).unwrap();
        for _ in 0..5 {
            fail(&mut breaker, now);
        }
        breaker.probe_succeeded();
        let later = now + SHORTEST_PAUSE;
        assert!(breaker.admit(later).is_some());
        breaker.cancelled(early);
        assert!(!breaker.failed(later, early));
        assert_eq!((1..TRIALS).filter(|_| breaker.admit(later).is_some()).count(), 4);
        assert!(breaker.admit(later).is_none(), "none of these was cancelled");
    }
}
