use std::borrow::Cow;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::RedisError;

/// The end of a connection, with its cause.
#[derive(Clone)]
pub(super) struct End(watch::Receiver<Option<RedisError>>);

/// The task that drives a connection, which ends with it.
pub(super) type Lifeline = AbortOnDropHandle<()>;

impl End {
    /// Drives a connection in a task. `driver` resolves when the connection ends, with the cause.
    pub(super) fn of(driver: impl Future<Output = RedisError> + Send + 'static) -> (Self, Lifeline) {
        let (end, ended) = watch::channel(None);
        let lifeline = AbortOnDropHandle::new(tokio::spawn(async move {
            let cause = driver.await;
            end.send_replace(Some(cause));
        }));
        (Self(ended), lifeline)
    }

    pub(super) fn has_come(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the end, and returns its cause.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn cause(&self) -> RedisError {
        let mut ended = self.0.clone();
        let cause = match ended.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone(),
            // The task was aborted: this node has left the server.
            Err(_) => None,
        };
        cause.unwrap_or(RedisError::Connection(Cow::Borrowed("it was lost")))
    }
}
