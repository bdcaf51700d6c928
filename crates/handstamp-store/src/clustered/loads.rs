use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use handstamp_core::id::SessionKey;
use handstamp_core::record::RecordError;
use tokio::time::timeout;

use super::decoded::{CacheEntry, Decoded};
use super::flight::{Flight, Landed, Landing, Running};
use super::node::{ABSENT_TTL, Cached, Node};
use super::reads::two_types;
use super::retry::again_if_lost;
use crate::{StoreError, Stored};

/// Which servers may be asked for a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The primary.
    Primary,
    /// Also a replica that knows all that this node knows.
    AnyReplica,
}

impl Node {
    /// What the store knows of `key`, from a load that is shared by all requests that need it at the same time.
    pub(super) async fn share_load<V, E, F>(
        self: &Arc<Self>,
        key: &SessionKey,
        decode: F,
    ) -> Result<Cached, E>
    where
        V: Any + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Stored) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let begun = self.clock.now();
        // A load takes longer if this process was suspended meanwhile: its result is too old for this request.
        let recent = |(earlier, flight): &Running| {
            let age = begun.saturating_duration_since(*earlier);
            if age < self.settings.load_budget { flight.as_ref()?.upgrade() } else { None }
        };
        let landed = self.flights.join(key, self.lane_of(key).feed.generation(), recent, |number| {
            let flight: Flight = Box::pin(run_load(self.clone(), Landing::new(self, key, number), decode));
            let flight = flight.shared();
            ((begun, flight.downgrade()), flight)
        });
        // The load has this limit, too. But it may end with the task that drives it, and then wakes nobody.
        let landed = timeout(self.settings.load_budget, landed);
        match landed.await {
            Ok(landed) => {
                landed.map_err(|error| error.downcast_ref::<E>().cloned().unwrap_or_else(two_types))
            }
            Err(_) => Err(StoreError::TimedOut.into()),
        }
    }

    /// What the store knows of `key` now, within the load budget.
    pub(super) async fn load<V, E, F>(&self, key: &SessionKey, source: Source, decode: F) -> Result<Cached, E>
    where
        V: Any + Send + Sync,
        E: From<StoreError>,
        F: Fn(Stored) -> Result<Decoded<V>, E>,
    {
        self.check_open()?;
        let lane = self.lane_of(key);
        let load = async {
            // After a flush all requests load at once. Most wait here for their turn, so that writes and fences do not have
            // to wait behind all of them.
            let _turn = lane.loads.acquire().await;
            match self.fill(key, source, &decode).await? {
                (loaded, true) => Ok(loaded),
                // The session was changed, ended, or moved while the store was being asked: the reply may be older
                // than that, or than what this node knew. A second one is not.
                (_, false) => self.fill(key, Source::Primary, &decode).await.map(|(loaded, _)| loaded),
            }
        };
        timeout(self.settings.load_budget, load).await.unwrap_or_else(|_| Err(StoreError::TimedOut.into()))
    }

    /// Asks the store, and offers the reply to the cache. Returns whether that took it: if not, the reply may be outdated.
    async fn fill<V, E, F>(&self, key: &SessionKey, source: Source, decode: &F) -> Result<(Cached, bool), E>
    where
        V: Any + Send + Sync,
        E: From<StoreError>,
        F: Fn(Stored) -> Result<Decoded<V>, E>,
    {
        let lane = self.lane_of(key);
        let ticket = self.cache.begin(key, &lane.feed);
        // After the ticket: a delete that begins from here on spoils it.
        if self.has_deleted(key) {
            return Ok((Cached::Absent, true));
        }
        let now = self.clock.now();
        let loaded = match self.ask_replica(key, source, now).await {
            None => again_if_lost(|| self.store.load(key), |_| true).await,
            stored => Ok(stored),
        };
        let (cached, revision, size, left) = match loaded {
            Ok(None) => (Cached::Absent, None, 0, ABSENT_TTL),
            Ok(Some(stored)) => {
                let revision = Some(stored.record.revision);
                // Without it the deadline says nothing, and only the time to live of the record counts.
                let _ = self.learn_time().await;
                match decode(stored)? {
                    Decoded::Session { entry: CacheEntry { value, size }, left } => {
                        (Cached::Present(value), revision, size, left)
                    }
                    Decoded::Expired => (Cached::Absent, None, 0, ABSENT_TTL),
                    Decoded::Unreadable => (Cached::Unreadable, revision, UNREADABLE_SIZE, UNREADABLE_TTL),
                }
            }
            // Whatever it is, no node has written it as a session.
            Err(StoreError::Record(RecordError::Malformed)) => {
                if let Some(more) = self.malformed_log.admit(now) {
                    tracing::error!(
                        more,
                        "a key of a session holds something that is no session record: it is left as it is"
                    );
                }
                (Cached::Unreadable, None, 0, UNREADABLE_TTL)
            }
            Err(error) => return Err(error.into()),
        };
        let in_date = self.in_date(key, now, left);
        let fresh = self.lies_in(key, &lane) && ticket.complete(revision, cached.clone(), size, in_date);
        Ok((cached, fresh))
    }

    /// What a replica has, if that may be asked. That there is nothing is for the primary to say.
    async fn ask_replica(&self, key: &SessionKey, source: Source, now: Instant) -> Option<Stored> {
        let lately = self.lately.as_ref().filter(|_| source == Source::AnyReplica)?;
        if lately.contains(key, now) {
            return None;
        }
        self.store.load_from_replica(key).await
    }
}

async fn run_load<V, E, F>(node: Arc<Node>, landing: Landing, decode: F) -> Landed
where
    V: Any + Send + Sync,
    E: Any + From<StoreError> + Send + Sync,
    F: Fn(Stored) -> Result<Decoded<V>, E>,
{
    let load = node.load(&landing.key, Source::AnyReplica, decode);
    // A panic would leave all others who share the load waiting, since it wakes none of them.
    let loaded =
        AssertUnwindSafe(load).catch_unwind().await.unwrap_or_else(|_| Err(StoreError::Panicked.into()));
    drop(landing);
    loaded.map_err(|error: E| -> Arc<dyn Any + Send + Sync> { Arc::new(error) })
}

/// How long a record that cannot be read is remembered at most, so that it is reported once a minute and session.
const UNREADABLE_TTL: Duration = Duration::from_secs(60);
const UNREADABLE_SIZE: usize = 512;
