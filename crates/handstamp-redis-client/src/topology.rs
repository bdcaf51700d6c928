use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::primary::Primary;
use crate::sentinel::Sentinel;
use crate::server::Endpoint;
use crate::shared::Shared;
use crate::url::Servers;
use crate::{Command, RedisError, Reply, ShardId, Subscription};

/// Which primaries there are, and which of them owns a key.
#[derive(Debug)]
pub(crate) enum Topology {
    /// One primary owns all keys. The sender never sends: there is one shard forever.
    Single(Arc<Primary>, watch::Sender<BTreeSet<u32>>),
    /// Each primary owns some slots.
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn start(shared: &Shared) -> Self {
        let config = &shared.config;
        let endpoint = match &config.url.servers {
            Servers::Cluster(seeds) => return Self::Cluster(Cluster::start(shared.clone(), seeds.clone())),
            Servers::One(address) => Endpoint::Fixed(Arc::new(config.target(address))),
            Servers::Sentinel(sentinels) => {
                Endpoint::Sentinel(Sentinel::new(config.clone(), sentinels.clone()))
            }
        };
        let shards = watch::Sender::new(BTreeSet::from([ShardId::ONLY.number()]));
        Self::Single(Arc::new(Primary::start(shared, &endpoint)), shards)
    }

    pub(crate) async fn call(&self, key: &Bytes, command: &Command) -> Result<Reply, RedisError> {
        match self {
            Self::Single(primary, _) => primary.call(command).await,
            Self::Cluster(cluster) => cluster.call(key, command).await,
        }
    }

    pub(crate) async fn subscribe(&self, shard: ShardId, channel: &str) -> Result<Subscription, RedisError> {
        match self {
            Self::Single(primary, _) => {
                let (listener, server) = primary.subscribe(channel).await?;
                Ok(Subscription::new(listener, server, None))
            }
            Self::Cluster(cluster) => {
                let member = cluster.member(shard)?;
                let (listener, server) = member.primary.subscribe(channel).await?;
                Ok(Subscription::new(listener, server, Some(cluster.slot_fence(&member))))
            }
        }
    }

    pub(crate) fn primary(&self, shard: ShardId) -> Result<Arc<Primary>, RedisError> {
        match self {
            Self::Single(primary, _) => Ok(primary.clone()),
            Self::Cluster(cluster) => Ok(cluster.member(shard)?.primary.clone()),
        }
    }

    pub(crate) fn primaries(&self) -> Vec<Arc<Primary>> {
        match self {
            Self::Single(primary, _) => vec![primary.clone()],
            Self::Cluster(cluster) => cluster.primaries(),
        }
    }

    /// The primary that owns `key`, as far as is known.
    pub(crate) fn owner(&self, key: &[u8]) -> Option<Arc<Primary>> {
        match self {
            Self::Single(primary, _) => Some(primary.clone()),
            Self::Cluster(cluster) => cluster.owner(key).map(|member| member.primary.clone()),
        }
    }

    pub(crate) fn watch_shards(&self) -> watch::Receiver<BTreeSet<u32>> {
        match self {
            Self::Single(_, shards) => shards.subscribe(),
            Self::Cluster(cluster) => cluster.watch_shards(),
        }
    }

    pub(crate) fn shard_of(&self, key: impl FnOnce() -> Bytes) -> ShardId {
        match self {
            Self::Single(..) => ShardId::ONLY,
            Self::Cluster(cluster) => cluster.shard_of(&key()),
        }
    }

    pub(crate) async fn check(&self, shard: ShardId) -> Result<(), RedisError> {
        match self {
            Self::Single(primary, _) => primary.check().await,
            Self::Cluster(cluster) => cluster.check(shard).await,
        }
    }

    pub(crate) fn request_probe(&self, key: &[u8]) {
        match self {
            Self::Single(primary, _) => primary.request_probe(),
            Self::Cluster(cluster) => cluster.request_probe(key),
        }
    }

    /// Whether the one server turned out to be a node of a cluster.
    pub(crate) fn is_undeclared_cluster(&self) -> bool {
        match self {
            Self::Single(primary, _) => primary.server().is_in_cluster(),
            Self::Cluster(_) => false,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Single(primary, _) => primary.close().await,
            Self::Cluster(cluster) => cluster.close().await,
        }
    }
}
