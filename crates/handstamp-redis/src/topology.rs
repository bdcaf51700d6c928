use std::sync::Arc;

use bytes::Bytes;
use handstamp_core::time::Timestamp;
use handstamp_store::{Backoff, Shard, Shards};
use tokio::sync::broadcast;
use tokio::time::sleep;

use crate::cluster::{Cluster, SlotFence};
use crate::driver::{Listener, Reply, Request, SharedClient, UnfitClient};
use crate::limit::Limit;
use crate::primary::Primary;
use crate::sentinel::Sentinel;
use crate::server::{Place, Replaced};
use crate::shared::Shared;
use crate::task::Task;
use crate::url::{Address, Sentinels, Servers};
use crate::{Channel, CircuitEvent, RedisConfig, RedisError, Transport};

/// Which primaries there are, and which of them has a key.
#[derive(Debug)]
pub(crate) struct Topology {
    kind: Kind,
    shared: Shared,
}

#[derive(Debug)]
enum Kind {
    /// One has them all.
    One(Arc<Primary>),
    /// Each has some.
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn start(config: RedisConfig) -> Self {
        let shared = Shared::new(config.prepared());
        let kind = match &shared.config.url.servers {
            Servers::Cluster(seeds) => Kind::Cluster(Cluster::start(shared.clone(), seeds.clone())),
            Servers::One(address) => Kind::one(&shared, &fixed(&shared, address)),
            Servers::Sentinel(sentinels) => Kind::one(&shared, &sentinel(&shared, sentinels)),
        };
        Self { kind, shared }
    }

    /// Commands go over somebody's client.
    ///
    /// # Errors
    ///
    /// When either that or the configuration is for a cluster.
    pub(crate) fn over(config: RedisConfig, client: SharedClient) -> Result<Self, UnfitClient> {
        let shared = Shared::new(config.prepared());
        let place = match &shared.config.url.servers {
            Servers::Cluster(_) => return Err(UnfitClient::Clustered),
            Servers::One(address) => fixed(&shared, address),
            Servers::Sentinel(sentinels) => sentinel(&shared, sentinels),
        };
        let kind = Kind::one(&shared, &Place::Shared(client, Box::new(place)));
        Ok(Self { kind, shared })
    }

    pub(crate) fn shards(&self) -> Shards {
        match &self.kind {
            Kind::One(_) => Shards::only(),
            Kind::Cluster(cluster) => cluster.shards(),
        }
    }

    /// The shard of a key, whose name is made only where there are several.
    pub(crate) fn shard_of(&self, key: impl FnOnce() -> Bytes) -> Shard {
        match &self.kind {
            Kind::One(_) => Shard::ONLY,
            Kind::Cluster(cluster) => cluster.shard_of(&key()),
        }
    }

    /// The answer of the primary that has `key`. What was refused because servers are just taking each other's place is
    /// asked for again, after a jittered pause: nothing has been done, and it will not take long.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, key: &Bytes, task: &Task) -> Result<Reply, RedisError> {
        match self.call_once(key, task).await {
            Err(RedisError::Refused(refusal)) if refusal.is_passing() => {
                sleep(Backoff::new().next_wait()).await;
                self.call_once(key, task).await
            }
            answered => answered,
        }
    }

    async fn call_once(&self, key: &Bytes, task: &Task) -> Result<Reply, RedisError> {
        match &self.kind {
            Kind::One(primary) => primary.call(task).await,
            Kind::Cluster(cluster) => cluster.call(key, task).await,
        }
    }

    /// What a replica of the primary that has `key` answers: see [`Primary::read_from_replica`].
    pub(crate) async fn read_from_replica(&self, key: &[u8], request: Request) -> Option<Reply> {
        match &self.kind {
            Kind::One(primary) => primary.read_from_replica(request).await,
            Kind::Cluster(cluster) => cluster.owner(key)?.primary.read_from_replica(request).await,
        }
    }

    /// Whether servers themselves tell of changes.
    pub(crate) fn tracks(&self) -> bool {
        self.shared.config.invalidation == Transport::Tracking
    }

    pub(crate) fn waits_for_replicas(&self) -> bool {
        self.replicas_to_wait_for() > 0
    }

    pub(crate) fn replicas_to_wait_for(&self) -> u32 {
        self.shared.config.wait_replicas
    }

    /// The name of the primary of a shard, for the log.
    pub(crate) fn name_of(&self, shard: Shard) -> Option<String> {
        self.primary(shard).ok().map(|primary| primary.server().name())
    }

    pub(crate) fn reads_from_replicas(&self) -> bool {
        self.shared.config.reads_from_replicas()
    }

    /// The answer of the primary of a shard.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call_shard(&self, shard: Shard, task: &Task) -> Result<Reply, RedisError> {
        self.primary(shard)?.call(task).await
    }

    /// Calls the primary of a shard, without the limit of commands in flight and without the breaker: see
    /// [`Server::call_aside`](crate::server::Server::call_aside).
    pub(crate) async fn call_aside(
        &self,
        shard: Shard,
        request: Request,
        limit: Limit,
    ) -> Result<Reply, RedisError> {
        self.primary(shard)?.server().call_aside(request, limit).await
    }

    /// The same, for as long as the server takes.
    pub(crate) async fn call_patiently(&self, shard: Shard, request: Request) -> Result<Reply, RedisError> {
        self.primary(shard)?.server().call_patiently(request).await
    }

    /// The time of the primary of a shard.
    pub(crate) async fn time(&self, shard: Shard) -> Result<Timestamp, RedisError> {
        self.primary(shard)?.server().time().await
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// Whether there is one primary as far as we know, which turned out to be part of a cluster.
    pub(crate) fn is_cluster_unawares(&self) -> bool {
        match &self.kind {
            Kind::One(primary) => primary.server().is_in_cluster(),
            Kind::Cluster(_) => false,
        }
    }

    pub(crate) async fn check(&self, shard: Shard) -> Result<(), RedisError> {
        match &self.kind {
            Kind::One(primary) => primary.check().await,
            Kind::Cluster(cluster) => cluster.check(shard).await,
        }
    }

    /// An answer of whoever has `key` cannot be the one to the command.
    pub(crate) fn doubt(&self, key: &[u8]) {
        match &self.kind {
            Kind::One(primary) => primary.doubt(),
            Kind::Cluster(cluster) => cluster.doubt(key),
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
        match &self.kind {
            Kind::One(primary) => {
                let (listener, replaced) = primary.subscribe(channel).await?;
                Ok((listener, replaced, None))
            }
            Kind::Cluster(cluster) => {
                let member = cluster.member(shard)?;
                let (listener, replaced) = member.primary.subscribe(channel).await?;
                Ok((listener, replaced, Some(cluster.slot_fence(&member))))
            }
        }
    }

    /// All there are connections to.
    pub(crate) fn primaries(&self) -> Vec<Arc<Primary>> {
        match &self.kind {
            Kind::One(primary) => vec![primary.clone()],
            Kind::Cluster(cluster) => cluster.primaries(),
        }
    }

    pub(crate) fn primary(&self, shard: Shard) -> Result<Arc<Primary>, RedisError> {
        match &self.kind {
            Kind::One(primary) => Ok(primary.clone()),
            Kind::Cluster(cluster) => Ok(cluster.member(shard)?.primary.clone()),
        }
    }

    pub(crate) fn circuit_events(&self) -> broadcast::Receiver<CircuitEvent> {
        self.shared.events.subscribe()
    }

    pub(crate) async fn close(&self) {
        match &self.kind {
            Kind::One(primary) => primary.close().await,
            Kind::Cluster(cluster) => cluster.close().await,
        }
    }
}

impl Kind {
    fn one(shared: &Shared, place: &Place) -> Self {
        Self::One(Arc::new(Primary::start(shared, place)))
    }
}

fn fixed(shared: &Shared, address: &Address) -> Place {
    Place::Fixed(Arc::new(shared.config.target(address)))
}

fn sentinel(shared: &Shared, sentinels: &Sentinels) -> Place {
    Place::Sentinel(Sentinel::new(shared.config.clone(), sentinels.clone()))
}
