use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;

use crate::cluster::SlotFence;
use crate::driver::{Listener, Received};
use crate::server::ServerWatch;
use crate::{Event, Fence, RedisError};

/// A subscription to a channel of a primary.
///
/// It lasts as long as its connection, and as long as commands go to the same server. When the connection for commands
/// is replaced by one that leads to another server, or is not known to lead to the same, every method reports an error before the
/// first command goes there.
pub struct Subscription {
    listener: Listener,
    server: ServerWatch,
    slots: Option<SlotFence>,
    /// Events that came in together with the one that was taken last.
    pending: VecDeque<Event>,
}

impl Subscription {
    pub(crate) const fn new(listener: Listener, server: ServerWatch, slots: Option<SlotFence>) -> Self {
        Self { listener, server, slots, pending: VecDeque::new() }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// When the subscription has ended, or messages were lost.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn next(&mut self) -> Result<Event, RedisError> {
        loop {
            if self.server.has_changed() {
                return Err(RedisError::DifferentServer);
            }
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            let received = tokio::select! {
                biased;
                // First: messages may never cease.
                () = self.server.changed() => return Err(RedisError::DifferentServer),
                received = self.listener.next() => received?,
            };
            self.queue(received);
        }
    }

    /// The next event, if it has arrived already.
    pub fn try_next(&mut self) -> Option<Result<Event, RedisError>> {
        loop {
            if self.server.has_changed() {
                return Some(Err(RedisError::DifferentServer));
            }
            if let Some(event) = self.pending.pop_front() {
                return Some(Ok(event));
            }
            match self.listener.try_next()? {
                Ok(received) => self.queue(received),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// A round trip on the connection of the subscription: a `PING`, or `CLUSTER SLOTS` in a cluster. Once it completes, every
    /// message that the server published before is ready in [`try_next`](Self::try_next).
    ///
    /// It takes as long as the server does: the caller sets a limit. It does not keep the connection open.
    ///
    /// # Errors
    ///
    /// When the subscription has ended, or the server is no primary.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn fence(&self) -> impl Future<Output = Result<Fence, RedisError>> + Send + 'static {
        let fence: Pin<Box<dyn Future<Output = Result<Fence, RedisError>> + Send>> = match self.slots.clone()
        {
            None => {
                let fence = self.listener.fence();
                Box::pin(async move { fence.await.map(|()| Fence::Complete) })
            }
            Some(slots) => {
                let reply = self.listener.fence_by(SlotFence::command());
                Box::pin(async move {
                    match reply.await {
                        Err(RedisError::ErrorReply(reply)) if reply.is_busy_script() => Ok(Fence::Pending),
                        reply => slots.compare(&reply?),
                    }
                })
            }
        };
        self.unless_server_changes(fence)
    }

    /// Runs `check`, and fails as soon as commands may go to another server than the one of this subscription.
    pub fn unless_server_changes<T>(
        &self,
        check: impl Future<Output = Result<T, RedisError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, RedisError>> + Send + 'static {
        let mut server = self.server.clone();
        async move {
            tokio::select! {
                biased;
                () = server.changed() => Err(RedisError::DifferentServer),
                checked = check => checked,
            }
        }
    }

    fn queue(&mut self, received: Received) {
        match received {
            Received::Message(message) => self.pending.push_back(Event::Message(message)),
            Received::KeysChanged(keys) => self.pending.extend(keys.into_iter().map(Event::KeyChanged)),
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
