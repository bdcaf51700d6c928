use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_redis_client::{Client, Command};
use handstamp_store::{Bus, BusError, Shard};

use crate::canary::Canary;
use crate::error::bus_error;
use crate::shard::shard_id;
use crate::{Channel, RedisSubscription};

/// Carries invalidations by Redis Pub/Sub, or by client tracking: see [`InvalidationTransport`]. Clones are the same bus.
///
/// Made by [`connect`](crate::connect).
///
/// [`InvalidationTransport`]: crate::InvalidationTransport
#[derive(Clone, Debug)]
pub struct RedisBus {
    client: Client,
    namespace: Namespace,
    channel: Channel,
}

impl RedisBus {
    pub(crate) const fn new(client: Client, namespace: Namespace, channel: Channel) -> Self {
        Self { client, namespace, channel }
    }
}

impl Bus for RedisBus {
    type Subscription = RedisSubscription;

    /// Each subscription is a connection of its own. While commands cannot reach the server this fails at once, as
    /// they do; otherwise it takes at most twice [`RedisConfig::connect_timeout`], to connect and to subscribe.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the user has no permission for the channel.
    ///
    /// [`RedisConfig::connect_timeout`]: crate::RedisConfig::connect_timeout
    async fn subscribe(&self, shard: Shard) -> Result<RedisSubscription, BusError> {
        let shard = shard_id(shard);
        // Boxed, because making a connection is a large future, and a rare one.
        let subscription = Box::pin(self.client.subscribe(shard, self.channel.as_str()));
        let subscription = subscription.await.map_err(bus_error)?;
        let tracking = self.client.config().tracking;
        let canary = tracking.then(|| Canary::new(&self.client, &self.namespace, shard));
        Ok(RedisSubscription::new(subscription, canary, self.namespace.clone()))
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        let publish = Command::publish(self.channel.as_str().to_owned(), message);
        self.client.call_shard(shard_id(shard), &publish).await.map_err(bus_error)?;
        Ok(())
    }
}
