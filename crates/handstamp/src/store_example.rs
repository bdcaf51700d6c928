use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp::store::{
    Bus, BusError, BusEvent, Bytes, Clock, CreateOutcome, DeleteOutcome, DeleteScope, Entry, FenceOutcome,
    MemoryBus, MemoryStore, MemorySubscription, Records, Revision, SaveOutcome, SessionKey, Shard, Store,
    StoreError, Stored, Subscription, SystemClock, Timestamp, TombstoneOutcome, Topology, TouchOutcome,
};
use handstamp::{Config, Sessions};

struct MyStore(MemoryStore);

impl Records for MyStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        self.0.load(key).await
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        self.0.create(record, ttl).await
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        self.0.save(record, replacing, ttl, invalidation).await
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        self.0.touch(key, ttl).await
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        self.0.delete(tombstone, ttl, scope, invalidation).await
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        self.0.replace_with_tombstone(tombstone, replacing, ttl, invalidation).await
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        self.0.keep_tombstone(tombstone, ttl).await
    }
}

impl Topology for MyStore {
    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        self.0.ping_primary(shard).await
    }
}

impl Store for MyStore {}

struct MyBus(MemoryBus);

impl Bus for MyBus {
    type Subscription = MySubscription;

    async fn subscribe(&self, shard: Shard) -> Result<MySubscription, BusError> {
        Ok(MySubscription(self.0.subscribe(shard).await?))
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.0.publish(shard, message).await
    }
}

struct MySubscription(MemorySubscription);

impl Subscription for MySubscription {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.0.next().await
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.0.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        self.0.fence()
    }
}

#[derive(Debug)]
struct MyClock;

impl Clock for MyClock {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        SystemClock.timestamp()
    }
}

# #[tokio::main(flavor = "current_thread")]
# async fn main() -> Result<(), Box<dyn std::error::Error>> {
let bus = MemoryBus::new();
let store = MyStore(MemoryStore::new(bus.clone()));
let sessions = Sessions::start_with_clock(Config::new(), store, MyBus(bus), Arc::new(MyClock)).await?;
assert!(sessions.is_subscribed());
# Ok(())
# }
