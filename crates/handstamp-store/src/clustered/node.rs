use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::cache::{Feed, InDate, LocalCache};
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::{Invalidation, Messenger};
use handstamp_core::record::Revision;

use super::Settings;
use super::ended::Ended;
use super::erased::ErasedStore;
use super::flight::Flights;
use super::lane::Lanes;
use super::lately::Lately;
use super::retry::again_if_lost;
use super::revocations::Revocations;
use super::stats::BusCounters;
use crate::{Clock, StoreError, Stored};

/// What the requests of a node and its coordinator have in common.
pub(super) struct Node {
    pub(super) store: Box<dyn ErasedStore>,
    pub(super) cache: LocalCache<Cached>,
    pub(super) flights: Flights,
    pub(super) lanes: Lanes,
    /// What has changed lately, where that must be known because replicas are asked.
    pub(super) lately: Option<Lately>,
    pub(super) revocations: Revocations,
    pub(super) ended: Ended,
    pub(super) messenger: Messenger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    pub(super) counters: BusCounters,
}

/// What the cache holds for a key.
#[derive(Clone)]
pub(super) enum Cached {
    /// There is no such session.
    Absent,
    /// The decoded session. Only the layer that decoded it knows its type.
    Present(Arc<dyn Any + Send + Sync>),
}

/// Who may be asked for a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The one who takes writes.
    Primary,
    /// Another as well, if that knows all that this node knows.
    AnyReplica,
}

impl Node {
    /// Forgets what is known of `key`, unless it is `saved` or later than it.
    pub(super) fn forget(&self, key: &SessionKey, saved: Option<Revision>) {
        self.note_change(key);
        self.cache.invalidate(key, saved);
        // In this order: who joins a load in between gets what it brings the second time.
        self.flights.part(key);
    }

    /// Forgets what is known of `key`, except for an outage: a write may have changed it or not.
    pub(super) fn doubt(&self, key: &SessionKey) {
        self.note_change(key);
        self.cache.doubt(key, self.clock.now());
        self.flights.part(key);
    }

    /// Before the cache hears of it: whoever gets a ticket after that knows.
    fn note_change(&self, key: &SessionKey) {
        if let Some(lately) = &self.lately {
            lately.note(key, self.clock.now());
        }
    }

    pub(super) fn clear(&self) {
        self.cache.clear();
        self.counters.cleared();
    }

    /// Clears what came in under a feed.
    pub(super) fn cut(&self, feed: &Feed) {
        if let Some(lately) = &self.lately {
            lately.note_all(self.clock.now());
        }
        feed.cut();
        self.counters.cleared();
    }

    pub(super) fn message(&self, invalidation: &Invalidation) -> Bytes {
        self.messenger.write(invalidation, self.clock.timestamp())
    }

    /// For how long something that is true for `left` may be served from the cache.
    pub(super) fn in_date(&self, key: &SessionKey, now: Instant, left: Duration) -> InDate {
        let until = now + left.min(spread(self.settings.cache_ttl, key));
        // No deadline lies further ahead than ten years, and `left` comes from the store.
        let ends = now + left.min(TEN_YEARS);
        InDate { until, ends }
    }

    /// Asks the store, and offers the answer to the cache. Returns whether that took it: if not, the answer may
    /// be outdated.
    pub(super) async fn fill<V, E, F>(
        &self,
        key: &SessionKey,
        source: Source,
        decode: &F,
    ) -> Result<(Cached, bool), E>
    where
        V: Any + Send + Sync,
        E: From<StoreError>,
        F: Fn(Stored) -> Result<V, E>,
    {
        let lane = self.lane_of(key);
        let ticket = self.cache.begin(key, &lane.feed);
        // After the ticket: whoever ends the session from here on spoils it.
        if self.revocations.contains(key) {
            return Ok((Cached::Absent, true));
        }
        let now = self.clock.now();
        let timestamp = self.clock.timestamp();
        let stored = match self.ask_replica(key, source, now).await {
            None => again_if_lost(|| self.store.load(key), |_| true).await?,
            stored => stored,
        };
        let Some(stored) = stored.filter(|stored| stored.record.expires_at > timestamp) else {
            let in_date = self.in_date(key, now, ABSENT_TTL);
            let fresh = self.lies_in(key, &lane) && ticket.complete(None, Cached::Absent, in_date);
            return Ok((Cached::Absent, fresh));
        };
        let revision = stored.record.revision;
        // Both deadlines of the session bound what the cache may serve.
        let left = stored.remaining.unwrap_or_default().min(stored.record.expires_at.since(timestamp));
        let present = Cached::Present(Arc::new(decode(stored)?));
        let in_date = self.in_date(key, now, left);
        let fresh = self.lies_in(key, &lane) && ticket.complete(Some(revision), present.clone(), in_date);
        Ok((present, fresh))
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

/// Up to a tenth less than `ttl`, so that what came in together does not go out together.
fn spread(ttl: Duration, key: &SessionKey) -> Duration {
    let part = u32::from(key.as_bytes()[SessionKey::LEN - 1]);
    ttl - ttl / 10 * part / 256
}

/// How long "not there" is remembered.
const ABSENT_TTL: Duration = Duration::from_secs(1);
const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 86_400);
