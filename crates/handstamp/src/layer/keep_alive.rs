use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::session::{LastUse, RequestSession, Touch};
use crate::{SessionData, SessionError};

/// Keeps a session alive while its request is in progress, however long that takes.
///
/// The timer is created when a handler has to wait: most requests need none.
#[derive(Default)]
pub(super) struct KeepAlive {
    step: Step,
    last: LastUse,
}

#[derive(Default)]
enum Step {
    // ## Idle => Waiting       if the session can be kept alive
    #[default]
    Idle,
    // ## Waiting => Touching   when a touch is due
    // ## Waiting => Idle       otherwise
    Waiting(Pin<Box<Sleep>>),
    // ## Touching => Idle      when the store has replied
    Touching(Touch),
}

impl KeepAlive {
    /// Called whenever the handler has to wait.
    pub(super) fn poll<T: SessionData>(
        &mut self,
        request_session: &Arc<RequestSession<T>>,
        cx: &mut Context<'_>,
    ) {
        loop {
            self.step = match &mut self.step {
                Step::Idle => {
                    let Some(wait) = request_session.wait_before_use(self.last) else { return };
                    // The handler may be polled outside of the runtime.
                    let _runtime = request_session.shared().enter_runtime();
                    Step::Waiting(Box::pin(sleep_until(Instant::now() + wait)))
                }
                Step::Waiting(timer) => {
                    if timer.as_mut().poll(cx) == Poll::Pending {
                        return;
                    }
                    if let Some(touch) = request_session.count_use() {
                        Step::Touching(touch)
                    } else {
                        self.last = LastUse::Done;
                        Step::Idle
                    }
                }
                Step::Touching(touch) => {
                    let Poll::Ready(counted) = Pin::new(touch).poll(cx) else { return };
                    self.last = match (counted, self.last) {
                        (Ok(Ok(()) | Err(SessionError::Gone | SessionError::Moved)), _) => LastUse::Done,
                        (_, LastUse::Failed(times)) => LastUse::Failed(times.saturating_add(1)),
                        (_, LastUse::None | LastUse::Done) => LastUse::Failed(1),
                    };
                    Step::Idle
                }
            };
        }
    }
}
