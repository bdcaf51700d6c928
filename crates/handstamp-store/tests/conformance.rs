//! The stores and buses of this crate follow the rules of the contracts.

use handstamp_store::{BoxBus, BoxStore, MemoryBus, MemoryStore, Shard, StoreWrapper, conformance};
use handstamp_testkit::{ShardLayout, ShardedBus, ShardedStore};

#[tokio::test(start_paused = true)]
async fn memory_store() {
    let bus = MemoryBus::new();
    let store = MemoryStore::new(bus.clone());
    conformance::store(&store, &bus).await;
    conformance::scan(&store).await;
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
    let store = ShardedStore::new(&layout, stores);
    conformance::store(&store, &bus).await;
    conformance::scan(&store).await;
    for shard in layout.all() {
        conformance::bus(&bus, shard).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_boxed_store_and_bus() {
    let bus = MemoryBus::new();
    let store = BoxStore::new(MemoryStore::new(bus.clone()));
    let bus = BoxBus::new(bus);
    conformance::store(&store, &bus).await;
    conformance::scan(&store).await;
    conformance::bus(&bus, Shard::ONLY).await;
}

struct Wrapper(MemoryStore);

impl StoreWrapper for Wrapper {
    fn inner(&self) -> &dyn handstamp_store::DynStore {
        &self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapper_that_overrides_nothing() {
    let bus = MemoryBus::new();
    let store = Wrapper(MemoryStore::new(bus.clone()));
    conformance::store(&store, &bus).await;
    conformance::scan(&store).await;
}

#[allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "this is an example")]
mod documented_example {
    use handstamp_store::{ScanCursor, conformance};

    include!("../src/store/example.rs");

    #[tokio::test]
    async fn follows_the_rules_of_its_contract() {
        let bus = MemoryBus::new();
        let store = TinyStore { entries: Mutex::default(), bus: bus.clone() };
        conformance::store(&store, &bus).await;
        let scanned = store.scan(Shard::ONLY, &ScanCursor::START).await;
        assert!(matches!(scanned, Err(StoreError::Unsupported)), "an optional capability");
    }
}
