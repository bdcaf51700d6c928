//! Loads from the store into the cache.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use handstamp_core::cache::{CachedSession, FillOutcome, Found};
use handstamp_core::id::SessionKey;
use handstamp_core::record::RecordError;
use tokio::time::timeout;

use super::cached::{Absence, Cached, UnreadableRecord, type_mismatch};
use super::in_flight::{FinishGuard, LoadFuture, LoadResult, RunningLoad};
use super::node::{ABSENT_TTL, Node};
use super::stored_reply::{CacheEntry, Decoded, Loaded, StoredReply};
use super::tombstones;
use crate::StoreError;

/// The servers that a session may be loaded from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The primary.
    Primary,
    /// Also a replica, if it has all changes that this node knows of.
    AnyReplica,
}

/// The result of a load, for the cache.
struct Fill {
    cached: Cached,
    size: usize,
    left: Duration,
}

impl Node {
    /// Loads `key`. All requests that need it at the same time share one load.
    pub(super) async fn share_load<V, E, F>(
        self: &Arc<Self>,
        key: &SessionKey,
        decode: F,
    ) -> Result<Cached, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let now = self.clock.now();
        let join = |(started_at, load): &RunningLoad| {
            // An older load is one that a suspended process goes on with: its reply is too old for this request.
            let age = now.saturating_duration_since(*started_at);
            if age < self.settings.load_budget { load.as_ref()?.upgrade() } else { None }
        };
        let generation = self.cache.sessions.freshness(self.store.shard_of(key)).generation();
        let load = self.cache.loads.join(key, generation, join, |id| {
            let guard = FinishGuard::new(&self.cache.loads, key, id);
            let load: LoadFuture = Box::pin(run_load(self.clone(), guard, decode));
            let load = load.shared();
            ((now, load.downgrade()), load)
        });
        // The load has this limit, too; but if the task that drives it ends, it wakes no other waiter.
        match timeout(self.settings.load_budget, load).await {
            Ok(result) => {
                result.map_err(|error| error.downcast_ref::<E>().cloned().unwrap_or_else(type_mismatch))
            }
            Err(_) => Err(StoreError::TimedOut.into()),
        }
    }

    /// Loads `key` now, within the load budget.
    pub(super) async fn load<V, E, F>(&self, key: &SessionKey, source: Source, decode: F) -> Result<Cached, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        self.check_open()?;
        let shard = self.shard_of(key);
        let load = async {
            // After a clear, all requests load at once. Most of them wait here, so that writes and fences do not have to wait behind
            // all of them.
            let _permit = shard.loads.acquire().await;
            match self.fill(key, source, &decode).await? {
                (cached, FillOutcome::Fresh) => Ok(cached),
                // The session was changed, ended or moved during the load, so the reply may be outdated. The second reply counts.
                _ => self.fill(key, Source::Primary, &decode).await.map(|(cached, _)| cached),
            }
        };
        timeout(self.settings.load_budget, load).await.unwrap_or_else(|_| Err(StoreError::TimedOut.into()))
    }

    /// Loads `key`, and offers the reply to the cache. If the outcome is not fresh, the cache has not taken it.
    async fn fill<V, E, F>(
        &self,
        key: &SessionKey,
        source: Source,
        decode: &F,
    ) -> Result<(Cached, FillOutcome), E>
    where
        V: Any + CachedSession + Send + Sync,
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        let (shard, cache) = (self.shard_of(key), &self.cache.sessions);
        let freshness = cache.freshness(shard.shard);
        let ticket = cache.entries.begin_fill(key, &freshness);
        // After the ticket: a delete that begins from here on spoils it.
        let now = self.clock.now();
        if let Some((reason, since)) = self.deletes.find(key, now) {
            let absence = Absence::deleted(reason, since);
            let _ = ticket.complete_absent(absence, self.expiry(key, now, ABSENT_TTL));
            return Ok((Found::Absence(absence), FillOutcome::Fresh));
        }
        let from_replica = match source {
            Source::AnyReplica => self.query_replica(key, now).await,
            Source::Primary => None,
        };
        let (source, reply) = match from_replica {
            Some(loaded) => (Source::AnyReplica, Ok(StoredReply::Record(loaded))),
            None => (Source::Primary, self.query_primary(key).await),
        };
        let fill = self.decode_reply(reply, now, decode).await?;
        let expiry = self.expiry(key, now, fill.left);
        if !self.is_in(key, &shard) {
            return Ok((fill.cached, FillOutcome::Uncertain));
        }
        let outcome = match fill.cached.clone() {
            Found::Session(session) => ticket.complete(session, fill.size, expiry),
            Found::Absence(absence) => ticket.complete_absent(absence, expiry),
        };
        if outcome == FillOutcome::Outdated && source == Source::Primary {
            self.report_outdated(key);
        }
        Ok((fill.cached, outcome))
    }

    async fn decode_reply<V, E, F>(
        &self,
        reply: Result<StoredReply, StoreError>,
        now: Instant,
        decode: &F,
    ) -> Result<Fill, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        let no_session = |absence| Fill { cached: Found::Absence(absence), size: 0, left: ABSENT_TTL };
        Ok(match reply {
            Ok(StoredReply::Absent) => no_session(Absence::NoTrace),
            Ok(StoredReply::Ended) => no_session(Absence::Ended),
            Ok(StoredReply::Moved { remaining, .. }) => {
                let since = now.checked_sub(tombstones::age(remaining)).unwrap_or(now);
                no_session(Absence::Moved { since })
            }
            Ok(StoredReply::Record(loaded)) => {
                let (key, revision) = (loaded.record.key, loaded.record.revision);
                // Without the time, deadlines are not judged: only the time to live of the record counts.
                let _ = self.learn_time().await;
                match decode(loaded)? {
                    Decoded::Session { entry: CacheEntry { value, size }, left } => {
                        Fill { cached: Found::Session(value), size, left }
                    }
                    Decoded::Expired => no_session(Absence::NoTrace),
                    Decoded::Unreadable => {
                        let cached = Found::Session(Arc::new(UnreadableRecord { key, revision }) as _);
                        Fill { cached, size: UNREADABLE_SIZE, left: UNREADABLE_TTL }
                    }
                }
            }
            // No node has written it for this key.
            Err(StoreError::Record(reason @ (RecordError::Malformed | RecordError::Forged))) => {
                self.report_malformed(reason);
                Fill { left: UNREADABLE_TTL, ..no_session(Absence::Unreadable) }
            }
            Err(error) => return Err(error.into()),
        })
    }

    /// A failover has lost a save, or an old record was put back. The store has nothing better, so the cache gives way.
    fn report_outdated(&self, key: &SessionKey) {
        self.counters.outdated_record();
        self.invalidate(key, None);
        if let Some(more) = self.log_limits.outdated.admit(self.clock.now()) {
            tracing::warn!(more, "the store has an older record of a session than before");
        }
    }
}

async fn run_load<V, E, F>(node: Arc<Node>, guard: FinishGuard, decode: F) -> LoadResult
where
    V: Any + CachedSession + Send + Sync,
    E: Any + From<StoreError> + Send + Sync,
    F: Fn(Loaded) -> Result<Decoded<V>, E>,
{
    let load = node.load(&guard.key, Source::AnyReplica, decode);
    // A panic would wake none of the other waiters.
    let loaded =
        AssertUnwindSafe(load).catch_unwind().await.unwrap_or_else(|_| Err(StoreError::Panicked.into()));
    drop(guard);
    loaded.map_err(|error: E| -> Arc<dyn Any + Send + Sync> { Arc::new(error) })
}

/// How long an unreadable record is cached, so that it is reported once a minute for each session.
const UNREADABLE_TTL: Duration = Duration::from_secs(60);
const UNREADABLE_SIZE: usize = 256;
