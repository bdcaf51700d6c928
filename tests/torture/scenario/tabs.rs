//! A visitor with several tabs, which share one cookie jar.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::{LEADER, Scenario, pause};
use crate::history::{CookieNumber, Operation};

impl Scenario {
    /// Uses several tabs at the same time. Sometimes waits until no request is in flight, and reads with the cookie in the jar. Logs out
    /// at the end. Returns the last cookie, if there was one.
    pub(super) async fn use_tabs(self: &Arc<Self>, rng: &mut Rng) -> Option<CookieNumber> {
        let end = Instant::now() + Duration::from_millis(rng.u64(4_000..15_000));
        while Instant::now() < end.min(self.options.deadline) {
            let tabs: Vec<_> = (0..rng.usize(2..=4))
                .map(|tab| tokio::spawn(self.clone().use_tab(LEADER + 1 + 2 * tab, rng.fork())))
                .collect();
            for tab in tabs {
                tab.await.expect("a tab does not panic");
            }
            if let Some(cookie) = self.jar() {
                self.read_until_known(cookie, rng).await;
            }
        }
        self.finish(rng).await;
        self.cookie_count().checked_sub(1)
    }

    /// Sends some requests, sometimes two at the same time by two actors.
    async fn use_tab(self: Arc<Self>, actor: usize, mut rng: Rng) {
        for _ in 0..rng.usize(1..8) {
            if rng.u8(..5) == 0 {
                let mut other_rng = rng.fork();
                tokio::join!(self.click(actor, &mut rng), self.click(actor + 1, &mut other_rng));
            } else {
                self.click(actor, &mut rng).await;
            }
            pause(&mut rng).await;
        }
    }

    /// Sends a request with the cookie in the jar, or, like a delayed request, with an earlier one.
    async fn click(&self, actor: usize, rng: &mut Rng) {
        let held = self.jar();
        let chance = rng.u8(..40);
        let logs_in = chance < 4 || (held.is_none() && chance < 16);
        let is_late = if logs_in { rng.u8(..30) == 0 } else { rng.u8(..8) == 0 };
        let cookie = if is_late { self.earlier_cookie(rng) } else { held };
        let operation = match chance {
            _ if logs_in && cookie.is_none() => Operation::Login,
            _ if logs_in => Operation::Renew,
            4 => Operation::Logout,
            16.. if held.is_none() && chance < 28 => Operation::Note,
            5..22 => Operation::Visit,
            22..26 => Operation::Note,
            _ => Operation::Read,
        };
        self.request(actor, operation, cookie, rng).await;
    }

    /// Logs out, in half of the cases with a recent cookie instead of the one in the jar.
    async fn finish(&self, rng: &mut Rng) {
        let Some(held) = self.jar() else { return };
        let earlier = self.earlier_cookie(rng).filter(|_| rng.bool());
        let ended = match earlier {
            Some(earlier) => self.request(LEADER, Operation::Logout, Some(earlier), rng).await.is_done(),
            None => false,
        };
        if !ended {
            self.log_out(held, rng).await;
        }
    }

    /// One of the last cookies of the jar. It may be the current one.
    fn earlier_cookie(&self, rng: &mut Rng) -> Option<CookieNumber> {
        let count = self.cookie_count();
        (count > 0).then(|| rng.usize(count.saturating_sub(RECENT)..count))
    }
}

/// Fewer than the eight renewals that a logout follows.
const RECENT: usize = 5;
