//! Several nodes on one store and one bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::invalidation::{InvalidationCodec, NodeId};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Entry, Record, Revision, Sealer, Tombstone};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    Bus, CacheEntry, Clock, ClusteredStore, CreateOutcome, Decoded, DeleteOutcome, DeleteScope, EndOutcome,
    Loaded, Lookup, MemoryBus, MemoryStore, NodeSettings, Records, SaveOutcome, Store, StoreError,
    SystemClock, TombstoneOutcome,
};
use handstamp_testkit::{BusFaults, Faults, FaultyBus, FaultyStore, seeded_secret, until};

pub(crate) const TTL: Duration = Duration::from_secs(3_600);
pub(crate) const MAX_STALENESS: Duration = Duration::from_secs(2);

/// Several nodes on one store and one bus.
pub(crate) struct Cluster {
    pub(crate) store: MemoryStore,
    pub(crate) bus: MemoryBus,
}

/// A node, with the controls of the faults of its store and bus.
pub(crate) struct TestNode<F = Faults, E = BusFaults> {
    pub(crate) clustered: ClusteredStore,
    pub(crate) faults: F,
    pub(crate) bus_faults: E,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let bus = MemoryBus::new();
        Self { store: MemoryStore::new(bus.clone()), bus }
    }

    pub(crate) async fn node(&self, name: &str) -> TestNode {
        self.node_with(name, NodeSettings::default()).await
    }

    pub(crate) async fn node_with(&self, name: &str, settings: NodeSettings) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let node = self.node_on(store, faults, name, settings);
        node.clustered.wait_until_ready().await;
        node
    }

    pub(crate) async fn node_with_keys(&self, name: &str, keys: &KeyRing) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let (bus, bus_faults) = FaultyBus::new(self.bus.clone());
        let clock = Arc::new(SystemClock);
        let clustered =
            ClusteredStore::start(store, bus, keys, node_id(name), clock, NodeSettings::default());
        clustered.wait_until_ready().await;
        TestNode { clustered, faults, bus_faults }
    }

    pub(crate) async fn node_with_clock(&self, name: &str, clock: impl Clock) -> TestNode {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let (bus, bus_faults) = FaultyBus::new(self.bus.clone());
        let clock = Arc::new(clock);
        let clustered =
            ClusteredStore::start(store, bus, &ring(SECRET), node_id(name), clock, NodeSettings::default());
        clustered.wait_until_ready().await;
        TestNode { clustered, faults, bus_faults }
    }

    pub(crate) fn node_on(
        &self,
        store: FaultyStore<MemoryStore>,
        faults: Faults,
        name: &str,
        settings: NodeSettings,
    ) -> TestNode {
        let (bus, bus_faults) = FaultyBus::new(self.bus.clone());
        let clock = Arc::new(SystemClock);
        let clustered = ClusteredStore::start(store, bus, &ring(SECRET), node_id(name), clock, settings);
        TestNode { clustered, faults, bus_faults }
    }
}

/// A node on this store and bus.
pub(crate) async fn start(store: impl Store, bus: impl Bus) -> TestNode<(), ()> {
    let (clock, settings) = (Arc::new(SystemClock), NodeSettings::default());
    let clustered = ClusteredStore::start(store, bus, &ring(SECRET), node_id("node"), clock, settings);
    clustered.wait_until_ready().await;
    TestNode { clustered, faults: (), bus_faults: () }
}

/// A clock whose wall-clock time is wrong by a number of milliseconds. Clones are the same clock.
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
        self.clustered.lookup::<Record>(key, SystemClock.now()).map(payload)
    }

    pub(crate) async fn load(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        self.clustered.load(key, decode).await.map(payload)
    }

    /// What a request reads: from the cache if possible, else from the store.
    pub(crate) async fn read(&self, key: &SessionKey) -> Result<Lookup<Bytes>, StoreError> {
        match self.lookup(key) {
            Some(lookup) => Ok(lookup),
            None => self.load(key).await,
        }
    }

    /// What may be read during an outage.
    pub(crate) fn outdated(&self, key: &SessionKey, limit: Duration) -> Option<Lookup<Bytes>> {
        self.clustered.lookup_stale::<Record>(key, SystemClock.now(), limit).map(payload)
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

    pub(crate) async fn end(&self, record: &Record) -> Result<bool, StoreError> {
        Ok(self.clustered.writes().end(&record.key).await? == EndOutcome::Ended)
    }

    /// Moves the session of one record to the other.
    pub(crate) async fn replace_with_tombstone(
        &self,
        from: &Record,
        to: &Record,
    ) -> Result<TombstoneOutcome, StoreError> {
        self.clustered.writes().replace_with_tombstone(&moved(from, to.key), from.revision, TTL).await
    }
}

pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

pub(crate) fn ring(secret: &str) -> KeyRing {
    keys(&[secret])
}

pub(crate) fn keys(secrets: &[&str]) -> KeyRing {
    let secrets: Vec<_> = secrets.iter().map(|text| Secret::parse(&seeded_secret(text)).unwrap()).collect();
    KeyRing::new(Namespace::default(), &secrets).unwrap()
}

pub(crate) fn node_id(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

pub(crate) fn messenger(node: &str, secret: &str) -> InvalidationCodec {
    InvalidationCodec::new(&ring(secret), node_id(node))
}

/// The record, sealed.
pub(crate) fn sealed(record: &Record) -> Entry {
    Sealer::new(&ring(SECRET)).seal(record).unwrap()
}

/// A decoded session is its record.
#[expect(clippy::needless_pass_by_value, reason = "this is what a store calls")]
pub(crate) fn decode(loaded: Loaded) -> Result<Decoded<Record>, StoreError> {
    let deadline = loaded.record.expires_at.since(SystemClock.timestamp());
    let left = loaded.remaining.unwrap_or_default().min(deadline);
    if left.is_zero() {
        return Ok(Decoded::Expired);
    }
    Ok(Decoded::Session { entry: entry(&loaded.record), left })
}

pub(crate) fn entry(record: &Record) -> CacheEntry<Record> {
    CacheEntry::new(record.clone(), record.payload.len())
}

pub(crate) fn payload(lookup: Lookup<Arc<Record>>) -> Lookup<Bytes> {
    match lookup {
        Lookup::Absent => Lookup::Absent,
        Lookup::Ended => Lookup::Ended,
        Lookup::Moved => Lookup::Moved,
        Lookup::Unreadable => Lookup::Unreadable,
        Lookup::Found(record) => Lookup::Found(record.payload.clone()),
    }
}

pub(crate) fn found(payload: &'static str) -> Lookup<Bytes> {
    Lookup::Found(payload.into())
}

/// A record of today.
pub(crate) fn record() -> Record {
    let now = SystemClock.timestamp();
    Record {
        created_at: now,
        expires_at: now.saturating_add(TTL * 24),
        payload: "first".into(),
        ..handstamp_testkit::record()
    }
}

/// The tombstone of the session of this record, which has moved to another key. New for each call.
pub(crate) fn moved(record: &Record, successor: SessionKey) -> Tombstone {
    Tombstone {
        key: record.key,
        revision: Revision::first().unwrap(),
        successor: Some(successor),
        same_subject: true,
    }
}

/// The tombstone of the session of this record, which has ended. New for each call.
pub(crate) fn ended(record: &Record) -> Tombstone {
    Tombstone { key: record.key, revision: Revision::first().unwrap(), successor: None, same_subject: false }
}

/// The tombstone, sealed.
pub(crate) fn sealed_tombstone(tombstone: &Tombstone) -> Entry {
    Sealer::new(&ring(SECRET)).seal_tombstone(tombstone)
}

/// Ends the session directly in the store, with an invalidation that no node can read.
pub(crate) async fn end_in(store: &MemoryStore, record: &Record) {
    let deleted =
        store.delete(&sealed_tombstone(&ended(record)), TTL, DeleteScope::All, "unreadable".into()).await;
    assert_eq!(deleted.unwrap(), DeleteOutcome::Deleted);
}

/// Replaces an entry of the store, without an invalidation.
pub(crate) async fn put(store: &MemoryStore, entry: &Entry) {
    store.forget(entry.key());
    assert_eq!(store.create(entry, TTL).await.unwrap(), CreateOutcome::Created);
}

/// As if another server with this entry had taken over.
pub(crate) async fn take_over(cluster: &Cluster, node: &TestNode, entry: &Entry) {
    node.bus_faults.disconnect();
    until("the node has no subscription", async || !node.clustered.is_subscribed()).await;
    put(&cluster.store, entry).await;
    node.bus_faults.work();
    until("the node is subscribed again", async || node.clustered.is_subscribed()).await;
}

/// Whether the store has a record of the session, and not only a tombstone.
pub(crate) async fn is_in(store: &MemoryStore, record: &Record) -> bool {
    store.load(&record.key).await.unwrap().is_some_and(|stored| !stored.entry.is_tombstone())
}

pub(crate) fn changed(record: &Record, payload: &'static str) -> Record {
    Record { revision: record.revision.next(record.saved_at), payload: payload.into(), ..record.clone() }
}
