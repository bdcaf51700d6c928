use std::sync::Arc;

use bytes::Bytes;
use handstamp_store::{Shard, Shards};

use crate::cluster::{Cluster, SlotFence};
use crate::driver::{Listener, Reply, Target};
use crate::primary::{Primary, Task};
use crate::sentinel::Sentinel;
use crate::server::{Place, Replaced};
use crate::url::Servers;
use crate::{Channel, RedisConfig, RedisError};

/// Which primaries there are, and which of them has a key.
#[derive(Debug)]
pub(crate) enum Topology {
    /// One has them all.
    One(Primary),
    /// Each has some.
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn start(config: RedisConfig) -> Self {
        let config = Arc::new(config.prepared());
        match &config.url.servers {
            Servers::One(address) => {
                let target: Arc<Target> = Arc::new(config.target(address));
                Self::One(Primary::start(&config, || Place::Fixed(target.clone())))
            }
            Servers::Sentinel(sentinels) => Self::One(Primary::start(&config, || {
                Place::Sentinel(Sentinel::new(config.clone(), sentinels.clone()))
            })),
            Servers::Cluster(seeds) => Self::Cluster(Cluster::start(config.clone(), seeds.clone())),
        }
    }

    pub(crate) fn shards(&self) -> Shards {
        match self {
            Self::One(_) => Shards::only(),
            Self::Cluster(cluster) => cluster.shards(),
        }
    }

    pub(crate) fn shard_of(&self, key: &[u8]) -> Shard {
        match self {
            Self::One(_) => Shard::ONLY,
            Self::Cluster(cluster) => cluster.shard_of(key),
        }
    }

    /// The answer of the primary that has `key`.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, key: &Bytes, task: &Task) -> Result<Reply, RedisError> {
        match self {
            Self::One(primary) => primary.call(task).await,
            Self::Cluster(cluster) => cluster.call(key, task).await,
        }
    }

    /// The answer of the primary of a shard.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call_shard(&self, shard: Shard, task: &Task) -> Result<Reply, RedisError> {
        match self {
            Self::One(primary) => primary.call(task).await,
            Self::Cluster(cluster) => cluster.member(shard)?.primary.call(task).await,
        }
    }

    pub(crate) async fn check(&self, shard: Shard) -> Result<(), RedisError> {
        match self {
            Self::One(primary) => primary.check().await,
            Self::Cluster(cluster) => cluster.check(shard).await,
        }
    }

    /// An answer of whoever has `key` cannot be the one to the command.
    pub(crate) fn doubt(&self, key: &[u8]) {
        match self {
            Self::One(primary) => primary.doubt(),
            Self::Cluster(cluster) => cluster.doubt(key),
        }
    }

    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn subscribe(
        &self,
        shard: Shard,
        channel: &Channel,
    ) -> Result<(Listener, Replaced, Option<SlotFence>), RedisError> {
        match self {
            Self::One(primary) => {
                let (listener, replaced) = primary.subscribe(channel).await?;
                Ok((listener, replaced, None))
            }
            Self::Cluster(cluster) => {
                let member = cluster.member(shard)?;
                let (listener, replaced) = member.primary.subscribe(channel).await?;
                Ok((listener, replaced, Some(cluster.slot_fence(&member))))
            }
        }
    }

    /// The primaries whose circuit is open, by their addresses.
    pub(crate) fn open_circuits(&self) -> usize {
        match self {
            Self::One(primary) => usize::from(primary.is_circuit_open()),
            Self::Cluster(cluster) => {
                cluster.members().iter().filter(|member| member.primary.is_circuit_open()).count()
            }
        }
    }

    pub(crate) fn reset_circuits(&self) {
        match self {
            Self::One(primary) => primary.reset_circuit(),
            Self::Cluster(cluster) => {
                cluster.members().iter().for_each(|member| member.primary.reset_circuit());
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::One(primary) => primary.close().await,
            Self::Cluster(cluster) => cluster.close().await,
        }
    }
}
