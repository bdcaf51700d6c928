use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use handstamp_store::{Bus, BusError, Proof, Shard, Subscription};

use crate::Channel;
use crate::RedisError;
use crate::cluster::SlotFence;
use crate::driver::{Listener, Request};
use crate::primary::Task;
use crate::server::Replaced;
use crate::topology::Topology;

/// Carries invalidations by Redis Pub/Sub. Clones are the same bus.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisBus {
    topology: Arc<Topology>,
    channel: Channel,
}

impl RedisBus {
    pub(crate) const fn new(topology: Arc<Topology>, channel: Channel) -> Self {
        Self { topology, channel }
    }
}

impl Bus for RedisBus {
    type Subscription = RedisSubscription;

    /// Each subscription is a connection of its own. While commands cannot reach the server this fails at once, as
    /// they do; otherwise it takes [`RedisConfig::connect_timeout`] twice at most, to connect and to subscribe.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the user has no permission for the channel.
    ///
    /// [`RedisConfig::connect_timeout`]: crate::RedisConfig::connect_timeout
    async fn subscribe(&self, shard: Shard) -> Result<RedisSubscription, BusError> {
        let (listener, replaced, slots) = self.topology.subscribe(shard, &self.channel).await?;
        Ok(RedisSubscription { listener, replaced, slots })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        let publish = Request::new("PUBLISH").arg(self.channel.as_str().to_owned()).arg(message);
        self.topology.call_shard(shard, &Task::new(publish)).await?;
        Ok(())
    }
}

/// A listener on a [`RedisBus`]. It lasts as long as its connection, and no longer than the connection for commands:
/// when that is made anew, it may lead to another server.
pub struct RedisSubscription {
    listener: Listener,
    replaced: Replaced,
    slots: Option<SlotFence>,
}

impl Subscription for RedisSubscription {
    async fn next(&mut self) -> Result<Bytes, BusError> {
        tokio::select! {
            biased;
            next = self.listener.next() => Ok(next?),
            () = self.replaced.happened() => Err(RedisError::Closed.into()),
        }
    }

    fn try_next(&mut self) -> Option<Result<Bytes, BusError>> {
        self.listener.try_next().map(|next| next.map_err(BusError::from))
    }

    /// A round trip on the subscription's own connection: a `PING`, or in a cluster the question which slots the primary
    /// has. Whoever calls it bounds how long that may take.
    fn fence(&self) -> impl Future<Output = Result<Proof, BusError>> + Send + 'static {
        let fence = match &self.slots {
            None => Fence::Plain(self.listener.fence()),
            Some(slots) => Fence::OfSlots(self.listener.fence_by(SlotFence::request()), slots.clone()),
        };
        async move {
            match fence {
                Fence::Plain(answered) => {
                    answered.await?;
                    Ok(Proof::Complete)
                }
                Fence::OfSlots(reply, slots) => Ok(slots.proof(&reply.await?)?),
            }
        }
    }
}

enum Fence<P, S> {
    Plain(P),
    OfSlots(S, SlotFence),
}

impl fmt::Debug for RedisSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSubscription").finish_non_exhaustive()
    }
}
