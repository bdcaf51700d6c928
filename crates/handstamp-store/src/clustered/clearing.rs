use std::time::{Duration, Instant};

use handstamp_core::cache::Feed;
use tokio::time::sleep_until;

use super::node::Node;

/// Cuts a feed on request, but only so often: whoever can publish can ask for it, be it by sending an old message again.
#[derive(Debug)]
pub(super) struct Clearing {
    interval: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
    /// Since when a request waits.
    requested_at: Option<Instant>,
}

impl Clearing {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, last: None, due: None, requested_at: None }
    }

    pub(super) fn request(&mut self, node: &Node, feed: &Feed) {
        let now = node.clock.now();
        match self.last {
            Some(last) if now < last + self.interval => {
                self.due = Some(last + self.interval);
                self.requested_at.get_or_insert(now);
            }
            _ => self.now(node, feed),
        }
    }

    pub(super) fn now(&mut self, node: &Node, feed: &Feed) {
        node.cut(feed);
        self.last = Some(node.clock.now());
        self.due = None;
        self.requested_at = None;
    }

    /// From when a proof that was sent at `sent_at` counts: what was put off has not been applied.
    pub(super) fn counts_from(&self, sent_at: Instant) -> Instant {
        self.requested_at.map_or(sent_at, |requested| requested.min(sent_at))
    }

    /// Resolves when a request that had to wait is due.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}
