use crate::{Shard, Shards, StoreError};
use handstamp_core::id::SessionKey;
use handstamp_core::time::Timestamp;

/// The parts that a store consists of, and their state.
///
/// A store that is one unit implements [`ping_primary`](Self::ping_primary) and leaves the rest at its defaults.
pub trait Topology: Send + Sync + 'static {
    /// The shards of the store. By default it is one.
    fn shards(&self) -> Shards {
        Shards::only()
    }

    /// The shard that has `key`, as far as the store knows. That is one of [`shards`](Self::shards), or an unknown shard as long as the
    /// store has found none. Sends no command.
    fn shard_of(&self, _key: &SessionKey) -> Shard {
        Shard::ONLY
    }

    /// The name of the shard's server, for logs.
    fn server_of(&self, _shard: Shard) -> Option<String> {
        None
    }

    /// Checks that the shard can be reached and that its server is the primary. It must be cheap: a node calls it several times a second.
    /// Whether writes work is checked by [`check_writes`](Self::check_writes).
    fn ping_primary(&self, shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Checks that writes work, with an auxiliary entry in the shard on which it does what the methods of [`Records`](crate::Records)
    /// do. The entry has to expire soon.
    ///
    /// A node calls it when it begins to listen, when a write has failed, and after ten seconds without a successful write.
    ///
    /// # Errors
    ///
    /// [`StoreError::Rejected`] with the reason if a write would be rejected, and [`StoreError::TimedOut`] if a write would receive no
    /// reply. After two timeouts in a row, the shard counts as not writable.
    fn check_writes(&self, _shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The wall-clock time of the shard, which all nodes use; `None`, the default, if nodes are to use their own clocks. A node calls it
    /// about once a minute. Until it has returned a time, nodes neither create nor change sessions.
    ///
    /// # Errors
    ///
    /// If the shard has a clock, but its time cannot be read at present.
    fn time(&self, _shard: Shard) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Closes the connections. No call follows.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
