use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::SessionData;
use crate::session::Exchange;

/// Keeps a session alive while its request is in progress, however long that takes.
///
/// A timer is made when a handler has to wait after it has looked at the session: most responses need none.
#[derive(Default)]
pub(super) struct KeepAlive(Option<Pin<Box<Sleep>>>);

impl KeepAlive {
    /// To be called whenever the handler has to wait.
    pub(super) fn poll<T: SessionData>(&mut self, exchange: &Arc<Exchange<T>>, cx: &mut Context<'_>) {
        loop {
            let Some(timer) = &mut self.0 else {
                let Some(wait) = exchange.half_of_its_life() else { return };
                // The handler may be polled elsewhere than on the runtime.
                let _runtime = exchange.shared().enter_runtime();
                self.0 = Some(Box::pin(sleep_until(Instant::now() + wait)));
                continue;
            };
            if timer.as_mut().poll(cx) == Poll::Pending {
                return;
            }
            exchange.keep_alive();
            self.0 = None;
        }
    }
}
