//! Requests after the last logout.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{LEADER, SHORT, Scenario, pause};
use crate::history::{CookieNumber, Operation};

impl Scenario {
    /// Repeatedly sends the cookies of ended sessions to all nodes: none of the sessions may come back.
    pub(super) async fn check_ended(&self, ended: CookieNumber, rng: &mut Rng) {
        let end = Instant::now() + self.options.bound + rng.u32(1..20) * SHORT;
        tokio::join!(
            self.observe(0, ended, end, rng.fork()),
            self.observe(1, ended, end, rng.fork()),
            self.observe(2, ended, end, rng.fork())
        );
        let renewal = self.request(LEADER, Operation::Renew, Some(ended), rng).await;
        if let (true, Some(new)) = (renewal.is_done(), renewal.given()) {
            self.read_until_known(new, rng).await;
            self.log_out(new, rng).await;
        }
        if rng.u8(..6) == 0 && Instant::now() + TOMBSTONES_EXPIRED < self.options.deadline {
            sleep(TOMBSTONES_EXPIRED).await;
            self.begin_twice(ended, rng).await;
        }
    }

    /// Writes twice at the same time with the cookie of an expired tombstone, so that both requests begin a session.
    async fn begin_twice(&self, ended: CookieNumber, rng: &mut Rng) {
        let mut other_rng = rng.fork();
        tokio::join!(
            self.request(LEADER, Operation::Note, Some(ended), rng),
            self.request(LEADER + 1, Operation::Note, Some(ended), &mut other_rng)
        );
        if let Some(new) = self.jar() {
            self.read_until_known(new, rng).await;
            self.log_out(new, rng).await;
        }
    }

    /// Every node has its own actor, so that a suspended node has a request waiting when it is resumed.
    async fn observe(&self, node: usize, ended: CookieNumber, end: Instant, mut rng: Rng) {
        while Instant::now() < end {
            let cookie = if rng.bool() { ended } else { rng.usize(..self.cookie_count()) };
            let operation = match rng.u8(..12) {
                0 | 1 => Operation::Visit,
                2 => Operation::Note,
                _ => Operation::Read,
            };
            self.request_from(node, OBSERVERS + node, operation, Some(cookie), &mut rng).await;
            pause(&mut rng).await;
        }
    }
}

/// The first actor that uses ended sessions.
const OBSERVERS: usize = 10;
/// Longer than the time to live of a tombstone.
const TOMBSTONES_EXPIRED: Duration = Duration::from_secs(33);
