//! The in-memory store and bus keep what the contracts promise, also as the shards of one.

use handstamp_store::{MemoryBus, MemoryStore, Shard, conformance};
use handstamp_testkit::{ShardLayout, ShardedBus, ShardedStore};

#[tokio::test(start_paused = true)]
async fn memory_store() {
    let bus = MemoryBus::new();
    conformance::store(&MemoryStore::new(bus.clone()), &bus).await;
}

#[tokio::test(start_paused = true)]
async fn memory_bus() {
    conformance::bus(&MemoryBus::new(), Shard::ONLY).await;
}

#[tokio::test(start_paused = true)]
async fn several_stores_and_buses_as_the_shards_of_one() {
    let layout = ShardLayout::new(3);
    let buses = [(); 3].map(|()| MemoryBus::new());
    let stores = buses.clone().map(MemoryStore::new);
    let bus = ShardedBus::new(&layout, buses);
    conformance::store(&ShardedStore::new(&layout, stores), &bus).await;
    for shard in layout.all() {
        conformance::bus(&bus, shard).await;
    }
}
