use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::session::{LastUse, RequestSession, Touch};
use crate::{SessionData, SessionError};

/// Keeps a session alive while its request is in progress, however long that takes.
///
/// A timer is made when a handler has to wait: most responses need none.
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
    // ## Waiting => Counting   when it is time for a touch
    // ## Waiting => Idle       when it is not
    Waiting(Pin<Box<Sleep>>),
    // ## Counting => Idle      when the store has replied
    Counting(Touch),
}

impl KeepAlive {
    /// To be called whenever the handler has to wait.
    pub(super) fn poll<T: SessionData>(
        &mut self,
        request_session: &Arc<RequestSession<T>>,
        cx: &mut Context<'_>,
    ) {
        loop {
            self.step = match &mut self.step {
                Step::Idle => {
                    let Some(wait) = request_session.wait_before_use(self.last) else { return };
                    // The handler may be polled elsewhere than on the runtime.
                    let _runtime = request_session.shared().enter_runtime();
                    Step::Waiting(Box::pin(sleep_until(Instant::now() + wait)))
                }
                Step::Waiting(timer) => {
                    if timer.as_mut().poll(cx) == Poll::Pending {
                        return;
                    }
                    if let Some(touch) = request_session.count_use() {
                        Step::Counting(touch)
                    } else {
                        self.last = LastUse::Done;
                        Step::Idle
                    }
                }
                Step::Counting(touch) => {
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
