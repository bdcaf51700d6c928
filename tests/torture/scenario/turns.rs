//! Logins, renewals and logouts one after another, so that the expected number of updates is known more exactly.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{LEADER, PAUSE, SHORT, Scenario, pause};
use crate::history::{Call, CookieNumber, Operation, Outcome};

impl Scenario {
    /// Uses one session with several actors. Only the leader changes the cookie, but sometimes it renews twice at the same time. Returns
    /// the last cookie, if there was one.
    pub(super) async fn take_turns(self: &Arc<Self>, rng: &mut Rng) -> Option<CookieNumber> {
        if !self.begin(rng).await {
            return None;
        }
        let actors = rng.usize(1..4);
        let tasks: Vec<_> =
            (1..=actors).map(|actor| tokio::spawn(self.clone().act(actor, rng.fork()))).collect();
        self.lead(rng).await;
        let busy_to_the_end = rng.bool();
        if !busy_to_the_end {
            self.stop();
            for task in &tasks {
                while !task.is_finished() {
                    sleep(PAUSE).await;
                }
            }
            // After this time, every node has to show the acknowledged updates.
            sleep(self.options.bound + SHORT).await;
            self.read_until_known(self.current(), rng).await;
        }
        self.log_out(self.current(), rng).await;
        sleep(SHORT).await;
        self.stop();
        for task in tasks {
            task.await.expect("an actor does not panic");
        }
        Some(self.current())
    }

    /// Begins a session, with a login or with a write.
    async fn begin(&self, rng: &mut Rng) -> bool {
        let operation = if rng.u8(..3) == 0 { Operation::Note } else { Operation::Login };
        while Instant::now() < self.options.deadline {
            if self.request(LEADER, operation, None, rng).await.is_done() {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// Reads and changes the session until it has to stop.
    async fn act(self: Arc<Self>, actor: usize, mut rng: Rng) {
        while !self.state.lock().stopped {
            self.use_once(actor, &mut rng).await;
            pause(&mut rng).await;
        }
    }

    /// Does the same with renewals, for some seconds, or until the session may have ended.
    async fn lead(&self, rng: &mut Rng) {
        let end = Instant::now() + Duration::from_millis(rng.u64(2_000..15_000));
        while Instant::now() < end.min(self.options.deadline) {
            let continues = match rng.u8(..20) {
                0 => self.renew(rng).await,
                1 if rng.bool() => self.renew_twice(rng).await,
                _ => self.use_once(LEADER, rng).await != Outcome::Unauthorized,
            };
            if !continues {
                return;
            }
            pause(rng).await;
        }
    }

    async fn use_once(&self, actor: usize, rng: &mut Rng) -> Outcome {
        let current = self.current();
        match rng.u8(..10) {
            0..4 => self.request(actor, Operation::Visit, Some(current), rng).await.outcome,
            4 => self.request(actor, Operation::Note, Some(current), rng).await.outcome,
            // An earlier cookie, which may be rejected.
            5 if current > 0 => {
                self.request(actor, Operation::Read, Some(rng.usize(..current)), rng).await;
                Outcome::Unknown
            }
            _ => self.request(actor, Operation::Read, Some(current), rng).await.outcome,
        }
    }

    /// Returns whether the session certainly still exists.
    async fn renew(&self, rng: &mut Rng) -> bool {
        let renewal = self.request(LEADER, Operation::Renew, Some(self.current()), rng).await;
        match renewal.outcome {
            Outcome::Done(_) => renewal.given().is_some(),
            // Nothing was done, unless the response set a cookie.
            Outcome::Conflict | Outcome::Failed(_) => !renewal.is_uncertain(),
            Outcome::Unauthorized | Outcome::Unknown => false,
        }
    }

    /// Renews one cookie twice at the same time, reads with both new cookies, and continues with the one in the jar. Returns whether its
    /// session certainly still exists.
    async fn renew_twice(&self, rng: &mut Rng) -> bool {
        let old = Some(self.current());
        let mut other_rng = rng.fork();
        let (one, other) = tokio::join!(
            self.request(LEADER, Operation::Renew, old, rng),
            self.request(LEADER, Operation::Renew, old, &mut other_rng)
        );
        let both = [one, other];
        for new in both.iter().filter_map(Call::given) {
            self.read_until_known(new, rng).await;
        }
        both.iter().all(|call| call.is_done() && call.given().is_some())
    }

    /// The cookie in the jar, or before the logout.
    fn current(&self) -> CookieNumber {
        self.state.lock().last
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
    }
}
