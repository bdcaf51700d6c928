use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use handstamp_core::cache::FillOutcome;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Opened, RecordError, Tombstone};
use tokio::time::timeout;

use super::decoded::{Answer, CacheEntry, Decoded, Loaded};
use super::end::TOMBSTONE_TTL;
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
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let begun = self.clock.now();
        // A load takes longer if this process was suspended meanwhile: its result is too old for this request.
        let recent = |(earlier, flight): &Running| {
            let age = begun.saturating_duration_since(*earlier);
            if age < self.settings.load_budget { flight.as_ref()?.upgrade() } else { None }
        };
        let landed =
            self.loads_in_flight.join(key, self.lane_of(key).freshness.generation(), recent, |number| {
                let flight: Flight =
                    Box::pin(run_load(self.clone(), Landing::new(self, key, number), decode));
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
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
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
                // than that, or than what this node knew. A second one is what the store has.
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
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        let lane = self.lane_of(key);
        let ticket = self.cache.begin_fill(key, &lane.freshness);
        // After the ticket: a delete that begins from here on spoils it.
        let now = self.clock.now();
        if let Some((why, since)) = self.deletes.find(key, now) {
            let cached = Cached::deleted(why, since);
            let _ = ticket.complete(None, cached.clone(), 0, self.expiry(key, now, ABSENT_TTL));
            return Ok((cached, true));
        }
        let (source, loaded) = match self.ask_replica(key, source, now).await {
            None => (Source::Primary, self.ask_primary(key).await),
            Some(loaded) => (Source::AnyReplica, Ok(Answer::Session(loaded))),
        };
        let (cached, revision, size, left) = match loaded {
            Ok(Answer::Nothing) => (Cached::Absent, None, 0, ABSENT_TTL),
            Ok(Answer::Ended) => (Cached::Ended, None, 0, ABSENT_TTL),
            Ok(Answer::Moved { remaining, .. }) => {
                // By the clock of the store. Until its writer has heard of it, a tombstone lives for longer.
                let age = remaining.and_then(|left| TOMBSTONE_TTL.checked_sub(left)).unwrap_or_default();
                let since = now.checked_sub(age).unwrap_or(now);
                (Cached::Moved { since }, None, 0, ABSENT_TTL)
            }
            Ok(Answer::Session(loaded)) => {
                let revision = Some(loaded.record.revision);
                // Without it the deadline says nothing, and only the time to live of the record counts.
                let _ = self.learn_time().await;
                match decode(loaded)? {
                    Decoded::Session { entry: CacheEntry { value, size }, left } => {
                        (Cached::Present(value), revision, size, left)
                    }
                    Decoded::Expired => (Cached::Absent, None, 0, ABSENT_TTL),
                    Decoded::Unreadable => (Cached::Unreadable, revision, UNREADABLE_SIZE, UNREADABLE_TTL),
                }
            }
            // No node has written it as this session.
            Err(StoreError::Record(reason @ (RecordError::Malformed | RecordError::Forged))) => {
                self.report_malformed(reason);
                (Cached::Unreadable, None, 0, UNREADABLE_TTL)
            }
            Err(error) => return Err(error.into()),
        };
        let expiry = self.expiry(key, now, left);
        if !self.lies_in(key, &lane) {
            return Ok((cached, false));
        }
        let freshness = ticket.complete(revision, cached.clone(), size, expiry);
        if freshness == FillOutcome::Outdated && source == Source::Primary {
            self.report_outdated(key);
        }
        Ok((cached, freshness == FillOutcome::Fresh))
    }

    /// The store has an older record than this node has seen: a failover has lost a save, or an old record was put there. There is nothing
    /// better, so the cache has to give way.
    fn report_outdated(&self, key: &SessionKey) {
        self.counters.outdated_record();
        self.forget(key, None);
        if let Some(more) = self.outdated_log.admit(self.clock.now()) {
            tracing::warn!(more, "the store has an older record of a session than it had before");
        }
    }

    /// What a replica has, if that may be asked. That there is nothing is for the primary to say.
    async fn ask_replica(&self, key: &SessionKey, source: Source, now: Instant) -> Option<Loaded> {
        let lately = self.lately.as_ref().filter(|_| source == Source::AnyReplica)?;
        if lately.contains(key, now) {
            return None;
        }
        let stored = self.store.load_from_replica(key).await?;
        match self.open(stored) {
            Ok(Answer::Session(loaded)) => Some(loaded),
            _ => None,
        }
    }

    /// What the primary has.
    pub(super) async fn ask_primary(&self, key: &SessionKey) -> Result<Answer, StoreError> {
        let ask = async || {
            let stored = again_if_lost(|| self.store.load(key), |_| true).await?;
            stored.map_or(Ok(Answer::Nothing), |stored| self.open(stored))
        };
        match ask().await {
            Err(StoreError::Record(RecordError::Forged)) => {
                // The reply may have been that to another call.
                self.store.report_forged(key);
                ask().await
            }
            loaded => loaded,
        }
    }

    /// Where the session of this tombstone has moved to. A tombstone that no node has sealed says nothing.
    ///
    /// # Errors
    ///
    /// When a node has sealed it under a secret that this one does not have, or in a later format.
    pub(super) fn successor(&self, tombstone: &Entry) -> Result<Option<SessionKey>, StoreError> {
        match self.sealer.relative(tombstone) {
            Ok(successor) => Ok(successor.filter(|_| tombstone.is_tombstone())),
            Err(reason @ (RecordError::Malformed | RecordError::Forged)) => {
                self.report_malformed(reason);
                Ok(None)
            }
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The predecessor that this record names. `None` if this node cannot tell, since a record that cannot be read must not block a
    /// logout.
    pub(super) fn predecessor(&self, record: &Entry) -> Option<SessionKey> {
        self.sealer.relative(record).inspect_err(|error| drop(self.unreadable(*error))).ok()?
    }

    fn open(&self, Stored { entry, remaining }: Stored) -> Result<Answer, StoreError> {
        match self.sealer.open(&entry) {
            Ok(Opened::Record(record, key_age)) => {
                let was_resealed = self.sealer.was_resealed(&record);
                Ok(Answer::Session(Loaded { record, key_age, was_resealed, remaining }))
            }
            Ok(Opened::Tombstone(Tombstone { successor: Some(_), same_subject, .. })) => {
                Ok(Answer::Moved { same_subject, remaining })
            }
            Ok(Opened::Tombstone(_)) => Ok(Answer::Ended),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    fn unreadable(&self, error: RecordError) -> StoreError {
        if error == RecordError::UnknownKey {
            self.unknown_keys.note(self.clock.now());
        }
        error.into()
    }

    fn report_malformed(&self, reason: RecordError) {
        if let Some(more) = self.malformed_log.admit(self.clock.now()) {
            tracing::error!(
                %reason,
                more,
                "the key of a session holds something else than a record of this deployment: it is left as it is"
            );
        }
    }
}

async fn run_load<V, E, F>(node: Arc<Node>, landing: Landing, decode: F) -> Landed
where
    V: Any + Send + Sync,
    E: Any + From<StoreError> + Send + Sync,
    F: Fn(Loaded) -> Result<Decoded<V>, E>,
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
