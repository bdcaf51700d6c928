use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use handstamp_store::{Bus, BusError, Subscription};

use crate::Channel;
use crate::driver::{Listener, Request};
use crate::primary::Primary;

/// Carries invalidations by Redis Pub/Sub. Clones are the same bus.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisBus {
    primary: Arc<Primary>,
    channel: Channel,
}

impl RedisBus {
    pub(crate) const fn new(primary: Arc<Primary>, channel: Channel) -> Self {
        Self { primary, channel }
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
    async fn subscribe(&self) -> Result<RedisSubscription, BusError> {
        Ok(RedisSubscription(self.primary.subscribe(&self.channel).await?))
    }

    async fn publish(&self, message: Bytes) -> Result<(), BusError> {
        let publish = Request::new("PUBLISH").arg(self.channel.as_str().to_owned()).arg(message);
        self.primary.call(publish).await?;
        Ok(())
    }
}

/// A listener on a [`RedisBus`]. It lasts as long as its connection, and that as long as this.
pub struct RedisSubscription(Listener);

impl Subscription for RedisSubscription {
    async fn next(&mut self) -> Result<Bytes, BusError> {
        Ok(self.0.next().await?)
    }

    fn try_next(&mut self) -> Option<Result<Bytes, BusError>> {
        self.0.try_next().map(|next| next.map_err(BusError::from))
    }

    /// A `PING` on the subscription's own connection. Whoever calls it bounds how long that may take.
    fn fence(&self) -> impl Future<Output = Result<(), BusError>> + Send + 'static {
        let fence = self.0.fence();
        async move { Ok(fence.await?) }
    }
}

impl fmt::Debug for RedisSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisSubscription").finish_non_exhaustive()
    }
}
