//! Requests after the last logout.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{LEADER, SHORT, Scenario, pause};
use crate::history::{Label, Operation};

impl Scenario {
    /// Sends the cookies of ended sessions to all nodes, again and again: none of the sessions may come back.
    pub(super) async fn check_ended(&self, ended: Label, rng: &mut Rng) {
        let end = Instant::now() + self.options.bound + rng.u32(1..20) * SHORT;
        tokio::join!(
            self.observe(0, ended, end, rng.fork()),
            self.observe(1, ended, end, rng.fork()),
            self.observe(2, ended, end, rng.fork())
        );
        let renewal = self.ask(LEADER, Operation::Renew, Some(ended), rng).await;
        if let (true, Some(new)) = (renewal.is_done(), renewal.given()) {
            self.read_until_told(new, rng).await;
            self.log_out(new, rng).await;
        }
        if rng.u8(..6) == 0 && Instant::now() + FORGOTTEN < self.options.deadline {
            sleep(FORGOTTEN).await;
            self.come_back(ended, rng).await;
        }
    }

    /// Writes twice at the same time with the cookie of an expired tombstone, so that both requests begin a session.
    async fn come_back(&self, ended: Label, rng: &mut Rng) {
        let mut other_rng = rng.fork();
        tokio::join!(
            self.ask(LEADER, Operation::Note, Some(ended), rng),
            self.ask(LEADER + 1, Operation::Note, Some(ended), &mut other_rng)
        );
        if let Some(new) = self.jar() {
            self.read_until_told(new, rng).await;
            self.log_out(new, rng).await;
        }
    }

    /// Each node has an actor of its own, so that a node that was stopped has a request waiting when it continues.
    async fn observe(&self, node: usize, ended: Label, end: Instant, mut rng: Rng) {
        while Instant::now() < end {
            let cookie = if rng.bool() { ended } else { rng.usize(..self.cookie_count()) };
            let operation = match rng.u8(..12) {
                0 | 1 => Operation::Visit,
                2 => Operation::Note,
                _ => Operation::Read,
            };
            self.ask_node(node, OBSERVERS + node, operation, Some(cookie), &mut rng).await;
            pause(&mut rng).await;
        }
    }
}

/// The first actor that looks at ended sessions.
const OBSERVERS: usize = 10;
/// Longer than the life of a tombstone.
const FORGOTTEN: Duration = Duration::from_secs(33);
