//! Several nodes on one store and one bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::invalidation::{Messenger, NodeId};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Mark, Record, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    CacheEntry, Clock, ClusteredStore, CreateOutcome, Decoded, Lookup, MemoryBus, MemoryStore, SaveOutcome,
    Settings, StoreError, Stored, SystemClock,
};
use handstamp_testkit::{DeafBus, Ears, Faults, FaultyStore, seeded_secret};

pub(crate) const TTL: Duration = Duration::from_secs(3_600);
pub(crate) const MAX_STALENESS: Duration = Duration::from_secs(2);

/// Several nodes on one store and one bus.
pub(crate) struct Cluster {
    pub(crate) store: MemoryStore,
    pub(crate) bus: MemoryBus,
}

/// A node, and what commands the faults of its store and bus.
pub(crate) struct TestNode<F = Faults, E = Ears> {
    pub(crate) clustered: ClusteredStore,
    pub(crate) faults: F,
    pub(crate) ears: E,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let bus = MemoryBus::new();
        Self { store: MemoryStore::new(bus.clone()), bus }
    }

    pub(crate) async fn node(&self, name: &str) -> TestNode {
        self.node_with(name, Settings::default()).await
    }

    pub(crate) async fn node_with(&self, name: &str, settings: Settings) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let node = self.node_on(store, faults, name, settings);
        node.clustered.settled().await;
        node
    }

    pub(crate) async fn node_with_clock(&self, name: &str, clock: impl Clock) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let (bus, ears) = DeafBus::new(self.bus.clone());
        let messenger = messenger(name, SECRET);
        let clustered = ClusteredStore::start(store, bus, messenger, Arc::new(clock), Settings::default());
        clustered.settled().await;
        TestNode { clustered, faults, ears }
    }

    pub(crate) fn node_on(
        &self,
        store: FaultyStore<MemoryStore>,
        faults: Faults,
        name: &str,
        settings: Settings,
    ) -> TestNode {
        let (bus, ears) = DeafBus::new(self.bus.clone());
        let clustered =
            ClusteredStore::start(store, bus, messenger(name, SECRET), Arc::new(SystemClock), settings);
        TestNode { clustered, faults, ears }
    }
}

/// The clock of a machine whose wall clock is wrong by so many milliseconds. Clones are the same clock.
#[derive(Clone, Debug)]
pub(crate) struct Skewed(Arc<AtomicI64>);

impl Skewed {
    pub(crate) fn by(millis: i64) -> Self {
        Self(Arc::new(AtomicI64::new(millis)))
    }

    pub(crate) fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for Skewed {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(
            SystemClock.timestamp().as_millis().saturating_add_signed(self.0.load(Ordering::SeqCst)),
        )
    }
}

impl<F, E> TestNode<F, E> {
    pub(crate) fn lookup(&self, key: &SessionKey) -> Option<Lookup<Bytes>> {
        self.clustered.lookup::<Bytes>(key, SystemClock.now()).map(payload)
    }

    pub(crate) async fn load(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        self.clustered.load(key, decode).await.map(payload)
    }

    /// What a request reads: the cache if it may, else the store.
    pub(crate) async fn read(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        match self.lookup(key) {
            Some(lookup) => Ok(lookup),
            None => self.load(key).await,
        }
    }

    /// What may be read while the store cannot be asked.
    pub(crate) fn outdated(&self, key: &SessionKey, limit: Duration) -> Option<Lookup<Bytes>> {
        self.clustered.lookup_outdated::<Bytes>(key, SystemClock.now(), limit).map(payload)
    }

    pub(crate) async fn create(&self) -> Record {
        self.keep(record()).await
    }

    /// Creates this record.
    pub(crate) async fn keep(&self, record: Record) -> Record {
        let value = entry(&record);
        assert_eq!(
            self.clustered.writes().create(&record, TTL, value).await.unwrap(),
            CreateOutcome::Created
        );
        record
    }

    pub(crate) async fn save(&self, record: &Record, replacing: Revision) -> Result<SaveOutcome, StoreError> {
        let value = entry(record);
        self.clustered.writes().save(record, replacing, TTL, value).await
    }

    pub(crate) async fn delete(&self, record: &Record) -> Result<bool, StoreError> {
        self.clustered.writes().delete(&record.key).await
    }
}

pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

pub(crate) fn messenger(node: &str, secret: &str) -> Messenger {
    let ring = KeyRing::new(Namespace::default(), &[Secret::parse(&seeded_secret(secret)).unwrap()]).unwrap();
    Messenger::new(&ring, NodeId::new(node).unwrap())
}

/// Sessions are their payload here.
#[expect(clippy::needless_pass_by_value, reason = "this is what a store calls")]
pub(crate) fn decode(stored: Stored) -> Result<Decoded<Bytes>, StoreError> {
    let deadline = stored.record.expires_at.since(SystemClock.timestamp());
    let left = stored.remaining.unwrap_or_default().min(deadline);
    if left.is_zero() {
        return Ok(Decoded::Expired);
    }
    Ok(Decoded::Session { entry: entry(&stored.record), left })
}

pub(crate) fn entry(record: &Record) -> CacheEntry<Bytes> {
    CacheEntry::new(record.payload.clone(), record.payload.len())
}

pub(crate) fn payload(lookup: Lookup<Arc<Bytes>>) -> Lookup<Bytes> {
    match lookup {
        Lookup::Absent => Lookup::Absent,
        Lookup::Unreadable => Lookup::Unreadable,
        Lookup::Found(payload) => Lookup::Found(Bytes::clone(&payload)),
    }
}

pub(crate) fn found(payload: &'static str) -> Lookup<Bytes> {
    Lookup::Found(payload.into())
}

/// As everything here, it is of this day.
pub(crate) fn record() -> Record {
    let now = SystemClock.timestamp();
    Record {
        created_at: now,
        expires_at: now.saturating_add(TTL * 24),
        payload: "first".into(),
        ..handstamp_testkit::record()
    }
}

pub(crate) fn mark() -> Mark {
    Mark::new(Revision::first().unwrap())
}

pub(crate) fn changed(record: &Record, payload: &'static str) -> Record {
    Record { revision: record.revision.next().unwrap(), payload: payload.into(), ..record.clone() }
}
