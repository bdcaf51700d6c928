use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::client_state::ClientState;
use crate::shared::Shared;
use crate::topology::Topology;
use crate::{CircuitBreakers, Command, RedisConfig, RedisError, Reply, ShardId, Subscription, WriteProbe};

/// A client of one server, of a primary behind Sentinels, or of a cluster. Clones share their connections.
///
/// Tasks on the current tokio runtime make the connections and keep them up. They end when the client is
/// [closed](Self::close), or with its last clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<ClientState>);

impl Client {
    /// Starts to connect.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(config: RedisConfig) -> Self {
        let shared = Shared::new(config.prepared());
        let topology = Topology::start(&shared);
        Self(Arc::new(ClientState { topology, shared }))
    }

    /// Sends a command to the primary that owns `key`.
    ///
    /// A command that was rejected because of a failover or the move of a slot is sent once more after a short pause with
    /// jitter: it was not carried out.
    ///
    /// # Errors
    ///
    /// When the command fails, or its outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub async fn call(&self, key: &Bytes, command: &Command) -> Result<Reply, RedisError> {
        let reply = self.call_with_retry(key, command).await;
        match command.after(&reply) {
            Some(command) => self.call_with_retry(key, &command).await,
            None => reply,
        }
    }

    /// Sends a command to a primary.
    ///
    /// # Errors
    ///
    /// When the command fails, or its outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub async fn call_shard(&self, shard: ShardId, command: &Command) -> Result<Reply, RedisError> {
        let primary = self.0.topology.primary(shard)?;
        let reply = primary.call(command).await;
        match command.after(&reply) {
            Some(command) => primary.call(&command).await,
            None => reply,
        }
    }

    /// Sends a command to a primary even while its circuit is open, and without counting it as in flight, so that
    /// checks get through to a server under load.
    ///
    /// # Errors
    ///
    /// When the command fails, or its outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub async fn call_unlimited(&self, shard: ShardId, command: &Command) -> Result<Reply, RedisError> {
        let primary = self.0.topology.primary(shard)?;
        let reply = primary.server().call_unlimited(command).await;
        match command.after(&reply) {
            Some(command) => primary.server().call_unlimited(&command).await,
            None => reply,
        }
    }

    /// Like [`call_unlimited`](Self::call_unlimited), and waits for the reply until the connection is lost. Without a reply, the
    /// connection is probed, and lost if it is dead.
    ///
    /// # Errors
    ///
    /// When the command fails, or its outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub async fn call_without_timeout(&self, shard: ShardId, command: &Command) -> Result<Reply, RedisError> {
        let primary = self.0.topology.primary(shard)?;
        let reply = primary.server().call_without_timeout(command).await;
        match command.after(&reply) {
            Some(command) => primary.server().call_without_timeout(&command).await,
            None => reply,
        }
    }

    /// Reads from a replica of the primary that owns `key`, if one has every write that is older than a second. `None` if there
    /// is none, or it does not reply quickly: the primary has to be queried instead.
    ///
    /// The command must only read, as a replica rejects writes.
    pub async fn read_from_replica(&self, key: &[u8], command: &Command) -> Option<Reply> {
        self.0.topology.owner(key)?.read_from_replica(command).await
    }

    /// Subscribes to a channel on a primary, over a connection of its own. With [`RedisConfig::tracking`], the subscription also
    /// receives the keys that have changed.
    ///
    /// While commands cannot reach the server this fails at once, as they do; otherwise it takes at most twice
    /// [`RedisConfig::connect_timeout`].
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the user has no permission for the channel.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn subscribe(&self, shard: ShardId, channel: &str) -> Result<Subscription, RedisError> {
        self.0.topology.subscribe(shard, channel).await
    }

    /// The primaries at present. There may be none, as long as no node of a cluster has been reached.
    #[must_use]
    pub fn shards(&self) -> BTreeSet<ShardId> {
        self.watch_shards().borrow().iter().copied().map(ShardId::new).collect()
    }

    /// The [numbers](ShardId::number) of the primaries, as they change.
    #[must_use]
    pub fn watch_shards(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.0.topology.watch_shards()
    }

    /// The primary that owns a key, as far as is known. `key` is only called for a cluster.
    pub fn shard_of(&self, key: impl FnOnce() -> Bytes) -> ShardId {
        self.0.topology.shard_of(key)
    }

    /// The address of a primary, or the name under which Sentinels know it, for logs.
    #[must_use]
    pub fn server_name(&self, shard: ShardId) -> Option<String> {
        self.0.topology.primary(shard).ok().map(|primary| primary.server().name())
    }

    /// Checks that a primary replies, and is a primary. This gets through while its circuit is open.
    ///
    /// # Errors
    ///
    /// When it does not reply, or is no primary.
    pub async fn ping(&self, shard: ShardId) -> Result<(), RedisError> {
        self.0.topology.check(shard).await
    }

    /// The time of a primary, since the Unix epoch, in whole milliseconds.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or denies `INFO` and `TIME`.
    pub async fn time(&self, shard: ShardId) -> Result<Duration, RedisError> {
        self.0.topology.primary(shard)?.server().time().await
    }

    /// A connection for a check of writes on a primary.
    ///
    /// # Errors
    ///
    /// When the primary cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn write_probe(&self, shard: ShardId) -> Result<WriteProbe, RedisError> {
        WriteProbe::open(self.0.topology.primary(shard)?.server()).await
    }

    /// Reports that a reply of the primary that owns `key` cannot be the one to the command: its connections are probed, and
    /// replaced if they are out of step.
    pub fn report_unexpected_reply(&self, key: &[u8]) {
        self.0.topology.request_probe(key);
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &RedisConfig {
        &self.0.shared.config
    }

    /// Whether the URL names one server, which turned out to be a node of a cluster.
    #[must_use]
    pub fn is_undeclared_cluster(&self) -> bool {
        self.0.topology.is_undeclared_cluster()
    }

    /// The circuit breakers of all servers.
    #[must_use]
    pub fn circuit_breakers(&self) -> CircuitBreakers {
        CircuitBreakers::new(&self.0)
    }

    /// Accepts no more commands, and waits until those in flight are done, for [`RedisConfig::connect_timeout`] at most.
    pub async fn close(&self) {
        self.0.topology.close().await;
    }

    async fn call_with_retry(&self, key: &Bytes, command: &Command) -> Result<Reply, RedisError> {
        match self.0.topology.call(key, command).await {
            Err(RedisError::ErrorReply(reply)) if reply.is_transient() => {
                sleep(Backoff::new().next_wait()).await;
                self.0.topology.call(key, command).await
            }
            replied => replied,
        }
    }
}
