use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::cache::{Expiry, Freshness, LocalCache};
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::{Invalidation, InvalidationCodec};
use handstamp_core::record::{Revision, Sealer};
use handstamp_core::throttle::Throttle;
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::NodeSettings;
use super::deletes::{Deletes, Kind, Outcome};
use super::flight::SingleFlight;
use super::lane::{Lane, Lanes, Sent};
use super::lately::Lately;
use super::shared_time::SharedTime;
use super::stats::Counters;
use super::unknown_keys::UnknownKeys;
use crate::{Clock, DynBus, DynStore, Shard, StoreError};

/// State shared by the requests of a node and its coordinator.
pub(super) struct Node {
    pub(super) store: Box<dyn DynStore>,
    pub(super) bus: Arc<dyn DynBus>,
    pub(super) cache: LocalCache<Cached>,
    pub(super) loads_in_flight: SingleFlight,
    pub(super) lanes: Lanes,
    /// Recent changes, where they must be known because replicas are asked.
    pub(super) lately: Option<Lately>,
    pub(super) deletes: Deletes,
    /// Limits the log lines about deletes that there is no room for.
    pub(super) deletes_log: Throttle,
    /// Limits the log lines about keys of sessions that hold something else.
    pub(super) malformed_log: Throttle,
    /// Limits the log lines about records that are older than what was known.
    pub(super) outdated_log: Throttle,
    /// Limits the log lines about messages under unknown keys.
    pub(super) unknown_key_log: Throttle,
    pub(super) messenger: InvalidationCodec,
    pub(super) sealer: Sealer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) time: SharedTime,
    /// Why the time is not known, as far as the log says so.
    pub(super) unknown_time_told: Mutex<Option<String>>,
    pub(super) settings: NodeSettings,
    pub(super) counters: Counters,
    pub(super) closed: AtomicBool,
    /// Whether a shard has ever been found to take writes.
    pub(super) has_written: AtomicBool,
    pub(super) unknown_keys: UnknownKeys,
}

/// What the cache holds for a key.
#[derive(Clone)]
pub(super) enum Cached {
    /// There is no such session.
    Absent,
    /// The session has recently ended.
    Ended,
    /// The session has recently moved to another id.
    Moved { since: Instant },
    /// The decoded session. Only the layer that decoded it knows its type.
    Present(Arc<dyn Any + Send + Sync>),
    /// There is a record that cannot be read.
    Unreadable,
}

impl Node {
    /// Forgets what is known of `key`, unless it is `saved` or later than it.
    pub(super) fn forget(&self, key: &SessionKey, saved: Option<Revision>) {
        self.note_change(key);
        self.cache.invalidate(key, saved);
        // In this order: a load that is joined in between brings its second reply.
        self.loads_in_flight.detach(key);
    }

    /// Forgets what is known of `key`, except for an outage: a write may have changed it or not.
    pub(super) fn mark_stale(&self, key: &SessionKey) {
        self.note_change(key);
        self.cache.mark_stale(key, self.clock.now());
        self.loads_in_flight.detach(key);
    }

    /// Why this node has deleted the session, if it has.
    pub(super) fn deleted(&self, key: &SessionKey) -> Option<Kind> {
        self.deletes.find(key, self.clock.now()).map(|(kind, _)| kind)
    }

    /// Whether a delete of the session need not be sent: the server has confirmed one, and no other has taken over.
    pub(super) fn is_delete_confirmed(&self, key: &SessionKey) -> bool {
        let (lane, now) = (self.lane_of(key), self.clock.now());
        lane.freshness.is_fresh(now) && self.deletes.is_confirmed(key, lane.shard, now)
    }

    /// `held`: whether the cache had a copy of the session.
    pub(super) fn remember_delete(
        &self,
        key: &SessionKey,
        sent: &Sent,
        kind: Kind,
        outcome: Outcome,
        held: bool,
    ) {
        let now = self.clock.now();
        let existed = held || matches!(outcome, Outcome::Deleted | Outcome::Moved(_));
        if !self.deletes.remember(*key, sent.lane.shard, kind, outcome, existed, now)
            && let Some(more) = self.deletes_log.admit(now)
        {
            if outcome == Outcome::Unconfirmed {
                tracing::error!(
                    more,
                    "too many deletes are not confirmed by the store: one is not sent again"
                );
            } else {
                tracing::error!(
                    more,
                    "too many sessions were deleted at once: one of them may be there again after a failover"
                );
            }
        }
        self.repeat_if_switched(key, sent);
    }

    /// Has a delete sent again if its outcome says nothing of the server that is there now. To be called when the outcome is
    /// remembered: a switch that comes later finds the delete there.
    pub(super) fn repeat_if_switched(&self, key: &SessionKey, sent: &Sent) {
        if !sent.counts_for(&self.lane_of(key)) {
            self.deletes.repeat(key);
        }
    }

    /// Remembers that there is no such session any more. Since no id is ever used again, that stays true.
    pub(super) fn remember_ended(&self, key: &SessionKey) {
        let lane = self.lane_of(key);
        let expiry = self.expiry(key, self.clock.now(), ABSENT_TTL);
        let _ = self.cache.begin_fill(key, &lane.freshness).complete(None, Cached::Ended, 0, expiry);
    }

    /// Before the cache is told: every ticket that is taken after that is one that knows.
    fn note_change(&self, key: &SessionKey) {
        if let Some(lately) = &self.lately {
            lately.note(key, self.clock.now());
        }
    }

    pub(super) fn clear(&self) {
        self.cache.clear();
        self.counters.cleared();
    }

    /// Clears what came in under a freshness.
    pub(super) fn cut(&self, freshness: &Freshness) {
        if let Some(lately) = &self.lately {
            lately.note_all(self.clock.now());
        }
        freshness.start_generation();
        self.counters.cleared();
    }

    pub(super) fn lane(&self, shard: Shard) -> Arc<Lane> {
        self.lanes.get(shard, || {
            Lane::new(shard, self.cache.new_freshness(self.clock.now(), self.settings.max_staleness))
        })
    }

    /// The lane of the shard that `key` lies in now. If the session moves to another, the one that it leaves tells of it in
    /// its next fence.
    pub(super) fn lane_of(&self, key: &SessionKey) -> Arc<Lane> {
        self.lane(self.store.shard_of(key))
    }

    /// Whether `key` still lies there as far as is known. Otherwise a reply may have come from another shard, whose own
    /// messages tell of its changes.
    pub(super) fn lies_in(&self, key: &SessionKey, lane: &Lane) -> bool {
        self.store.shard_of(key) == lane.shard
    }

    pub(super) fn message(&self, invalidation: &Invalidation) -> Bytes {
        self.messenger.encode(invalidation, self.timestamp())
    }

    /// The wall-clock time that all nodes share, or this node's own as long as that is not known.
    pub(super) fn timestamp(&self) -> Timestamp {
        self.time.at(self.clock.now()).unwrap_or_else(|| self.clock.timestamp())
    }

    /// For how long something that is true for `left` may be served from the cache.
    pub(super) fn expiry(&self, key: &SessionKey, now: Instant, left: Duration) -> Expiry {
        let fresh_until = now + left.min(jittered(self.settings.cache_ttl, key));
        // No deadline lies further ahead than ten years, and `left` comes from the store.
        let session_ends = now + left.min(TEN_YEARS);
        Expiry { fresh_until, session_ends }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// # Errors
    ///
    /// After a shutdown.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::unavailable("this node has been shut down"));
        }
        Ok(())
    }
}

/// Up to a tenth less than `ttl`, so that entries that came in together do not expire together.
fn jittered(ttl: Duration, key: &SessionKey) -> Duration {
    let part = u32::from(key.as_bytes()[JITTER_BYTE]);
    ttl - ttl / 10 * part / 256
}

/// Of the hash, and not one of those that spread entries over the cache.
const JITTER_BYTE: usize = 16;
/// How long the absence of a session is remembered.
pub(super) const ABSENT_TTL: Duration = Duration::from_secs(1);
const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 86_400);
