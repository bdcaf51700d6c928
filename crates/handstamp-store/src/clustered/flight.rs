use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::WeakShared;
use handstamp_core::cache::{self, FlightNumber};
use handstamp_core::id::SessionKey;
use tokio::time::timeout;

use super::node::{Cached, Node, Source};
use super::reads::two_types;
use crate::{StoreError, Stored};

/// The loads under way. Who waits for one keeps it going: it ends with the last who leaves.
pub(super) type Flights = cache::Flights<Option<WeakShared<Flight>>>;

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// What a load brings, without the types of the layer above: the error is one of its.
type Landed = Result<Cached, Arc<dyn Any + Send + Sync>>;

impl Node {
    /// What the store knows of `key`, from a load that is shared with all who want the same at the same time.
    pub(super) async fn share_load<V, E, F>(
        self: &Arc<Self>,
        key: &SessionKey,
        decode: F,
    ) -> Result<Cached, E>
    where
        V: Any + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Stored) -> Result<V, E> + Send + Sync + 'static,
    {
        let board = |flight: &Option<WeakShared<Flight>>| flight.as_ref()?.upgrade();
        let landed = self.flights.join(key, self.lane_of(key).feed.generation(), board, |number| {
            let flight: Flight = Box::pin(fly(self.clone(), *key, number, decode));
            let flight = flight.shared();
            (flight.downgrade(), flight)
        });
        landed.await.map_err(|error| error.downcast_ref::<E>().cloned().unwrap_or_else(two_types))
    }

    /// What the store knows of `key` now, within the load budget.
    pub(super) async fn load<V, E, F>(&self, key: &SessionKey, source: Source, decode: F) -> Result<Cached, E>
    where
        V: Any + Send + Sync,
        E: From<StoreError>,
        F: Fn(Stored) -> Result<V, E>,
    {
        let lane = self.lane_of(key);
        let load = async {
            // After a flush everybody comes at once. Most wait here for their turn, so that writes and proofs of being
            // up to date do not have to wait behind all of them.
            let _turn = lane.loads.acquire().await;
            match self.fill(key, source, &decode).await? {
                (loaded, true) => Ok(loaded),
                // The session was changed, ended, or moved while the store was being asked: the answer may be older
                // than that, or than what this node knew. A second one is not.
                (_, false) => self.fill(key, Source::Primary, &decode).await.map(|(loaded, _)| loaded),
            }
        };
        timeout(self.settings.load_budget, load).await.unwrap_or_else(|_| Err(StoreError::TimedOut.into()))
    }
}

async fn fly<V, E, F>(node: Arc<Node>, key: SessionKey, number: FlightNumber, decode: F) -> Landed
where
    V: Any + Send + Sync,
    E: Any + From<StoreError> + Send + Sync,
    F: Fn(Stored) -> Result<V, E>,
{
    let landing = Landing { node: &node, key, number };
    let loaded = node.load(&key, Source::AnyReplica, decode).await;
    drop(landing);
    loaded.map_err(|error: E| -> Arc<dyn Any + Send + Sync> { Arc::new(error) })
}

/// Takes the flight off the list when it ends, also if that is because everybody left.
struct Landing<'n> {
    node: &'n Node,
    key: SessionKey,
    number: FlightNumber,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.node.flights.land(&self.key, self.number);
    }
}
