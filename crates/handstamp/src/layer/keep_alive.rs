use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::SessionData;
use crate::session::Exchange;

/// Keeps a session alive while its request is in progress, however long that takes.
///
/// A timer is made when a handler has to wait: most responses need none.
#[derive(Default)]
pub(super) struct KeepAlive {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer has gone off before.
    has_counted: bool,
}

impl KeepAlive {
    /// To be called whenever the handler has to wait.
    pub(super) fn poll<T: SessionData>(&mut self, exchange: &Arc<Exchange<T>>, cx: &mut Context<'_>) {
        loop {
            let Some(timer) = &mut self.timer else {
                let Some(wait) = exchange.next_use(!self.has_counted) else { return };
                // The handler may be polled elsewhere than on the runtime.
                let _runtime = exchange.shared().enter_runtime();
                self.timer = Some(Box::pin(sleep_until(Instant::now() + wait)));
                continue;
            };
            if timer.as_mut().poll(cx) == Poll::Pending {
                return;
            }
            exchange.count_use();
            self.timer = None;
            self.has_counted = true;
        }
    }
}
