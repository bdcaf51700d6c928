//! The in-memory store and bus keep what the contracts promise.

use handstamp_store::{MemoryBus, MemoryStore, Shard, conformance};

#[tokio::test]
async fn memory_store() {
    let bus = MemoryBus::new();
    conformance::store(&MemoryStore::new(bus.clone()), &bus).await;
}

#[tokio::test]
async fn memory_bus() {
    conformance::bus(&MemoryBus::new(), Shard::ONLY).await;
}
