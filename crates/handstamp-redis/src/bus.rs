use std::sync::Arc;

use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_store::{Bus, BusError, Shard};

use crate::Channel;
use crate::RedisSubscription;
use crate::canary::Canary;
use crate::driver::Request;
use crate::limit::Limit;
use crate::task::Task;
use crate::topology::Topology;

/// Carries invalidations by Redis Pub/Sub, or has the servers themselves tell of changes: see
/// [`Transport`](crate::Transport). Clones are the same bus.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisBus {
    topology: Arc<Topology>,
    namespace: Namespace,
    channel: Channel,
}

impl RedisBus {
    pub(crate) const fn new(topology: Arc<Topology>, namespace: Namespace, channel: Channel) -> Self {
        Self { topology, namespace, channel }
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
        // Boxed, because making a connection is a large future, and a rare one.
        let subscribed = Box::pin(self.topology.subscribe(shard, &self.channel)).await?;
        let (listener, replaced, slots) = subscribed;
        let canary = self.topology.tracks().then(|| Canary::new(&self.topology, &self.namespace, shard));
        Ok(RedisSubscription::new(listener, replaced, slots, canary, self.namespace.clone()))
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        let publish = Request::new("PUBLISH").arg(self.channel.as_str().to_owned()).arg(message);
        self.topology.call_shard(shard, &Task::new(publish, Limit::Write)).await?;
        Ok(())
    }
}
