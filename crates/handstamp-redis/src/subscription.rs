use std::fmt;

use handstamp_core::id::Namespace;
use handstamp_redis_client::{Event, Fence, Subscription as Messages};
use handstamp_store::{BusError, BusEvent, FenceOutcome, Subscription};

use crate::canary::{Canary, CanaryState};
use crate::error::bus_error;
use crate::key;

/// A subscription of a [`RedisBus`](crate::RedisBus). It lasts as long as its connection, and as long as commands go to the
/// same server. When the connection for commands is replaced by one that leads to another server, or is not known to lead to
/// the same, every method reports an error before the first command goes there.
pub struct RedisSubscription {
    messages: Messages,
    canary: Option<Canary>,
    namespace: Namespace,
}

impl RedisSubscription {
    pub(crate) const fn new(messages: Messages, canary: Option<Canary>, namespace: Namespace) -> Self {
        Self { messages, canary, namespace }
    }

    /// `None` for a key that is not that of a record.
    fn bus_event(&self, event: Event) -> Option<Result<BusEvent, BusError>> {
        match event {
            Event::Message(message) => Some(Ok(BusEvent::Message(message))),
            Event::KeyChanged(redis_key) => {
                key::session_key(&self.namespace, &redis_key).map(BusEvent::KeyChanged).map(Ok)
            }
            // It may be an invalidation: the cache is cleared when the subscription ends.
            _ => Some(Err(BusError::new("the subscription has received an event of an unknown kind"))),
        }
    }
}

impl Subscription for RedisSubscription {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        loop {
            let event = self.messages.next().await.map_err(bus_error)?;
            if let Some(event) = self.bus_event(event) {
                return event;
            }
        }
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        loop {
            let event = match self.messages.try_next()? {
                Ok(event) => event,
                Err(error) => return Some(Err(bus_error(error))),
            };
            if let Some(event) = self.bus_event(event) {
                return Some(event);
            }
        }
    }

    /// A round trip on the subscription's own connection: a `PING`, or `CLUSTER SLOTS` in a cluster. It takes as long as the
    /// server does: the caller sets a limit.
    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let fence = self.messages.fence();
        let canary = self.canary.clone();
        let fence = self.messages.unless_server_changes(async move {
            let Some(canary) = canary else { return fence.await };
            Ok(match tokio::try_join!(fence, canary.look())? {
                (Fence::SlotsLost, _) | (_, CanaryState::Changed) => Fence::SlotsLost,
                (Fence::Pending, _) | (_, CanaryState::Unknown) => Fence::Pending,
                (Fence::Complete, CanaryState::Same) => Fence::Complete,
            })
        });
        async move {
            match fence.await.map_err(bus_error)? {
                Fence::Complete => Ok(FenceOutcome::Complete),
                Fence::SlotsLost => Ok(FenceOutcome::OwnershipLost),
                Fence::Pending => Ok(FenceOutcome::Pending),
            }
        }
    }
}

impl fmt::Debug for RedisSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSubscription").finish_non_exhaustive()
    }
}
