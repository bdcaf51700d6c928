//! A store of several shards.

mod failures;
mod messages;
mod moves;
mod status;

use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{
    ClusteredStore, CreateOutcome, MemoryBus, MemoryStore, NodeSettings, Records, Shard, SystemClock,
};
use handstamp_testkit::{
    BusFaults, Faults, FaultyBus, FaultyStore, ShardLayout, ShardedBus, ShardedStore, until,
};

use crate::support::*;

/// Several nodes on one store and one bus of two shards each.
struct ShardedCluster {
    layout: ShardLayout,
    stores: [MemoryStore; 2],
    buses: [MemoryBus; 2],
}

type ShardedNode = TestNode<[Faults; 2], [BusFaults; 2]>;

const SHARDS: [Shard; 2] = [Shard::new(0), Shard::new(1)];

impl ShardedCluster {
    fn new() -> Self {
        let buses = [(); 2].map(|()| MemoryBus::new());
        Self { layout: ShardLayout::new(2), stores: buses.clone().map(MemoryStore::new), buses }
    }

    async fn node(&self, name: &str) -> ShardedNode {
        self.node_with(name, NodeSettings::default()).await
    }

    /// A node with a large load budget.
    async fn patient_node(&self, name: &str) -> ShardedNode {
        self.node_with(name, NodeSettings::default().with_load_budget(Duration::from_secs(600))).await
    }

    async fn node_with(&self, name: &str, settings: NodeSettings) -> ShardedNode {
        let node = self.begin(name, settings);
        node.clustered.wait_until_ready().await;
        node
    }

    /// A node that may not have reached the store yet.
    fn begin(&self, name: &str, settings: NodeSettings) -> ShardedNode {
        let ([store_0, store_1], faults) = pairs(self.stores.clone().map(FaultyStore::new));
        let ([bus_0, bus_1], bus_faults) = pairs(self.buses.clone().map(FaultyBus::new));
        let clustered = ClusteredStore::start(
            ShardedStore::new(&self.layout, [store_0, store_1]),
            ShardedBus::new(&self.layout, [bus_0, bus_1]),
            &ring(SECRET),
            node_id(name),
            Arc::new(SystemClock),
            settings,
        );
        TestNode { clustered, faults, bus_faults }
    }

    /// Moves a session to the second shard. Others whose keys begin with the same byte are not copied.
    async fn move_to_second(&self, record: &Record) {
        self.copy_to_second(record).await;
        self.layout.give(&record.key, SHARDS[1]);
    }

    async fn copy_to_second(&self, record: &Record) {
        assert_eq!(self.layout.shard_of(&record.key), SHARDS[0]);
        let stored = self.stores[0].load(&record.key).await.unwrap().unwrap();
        assert_eq!(self.stores[1].create(&stored.entry, TTL).await.unwrap(), CreateOutcome::Created);
    }
}

fn pairs<A, B>([(a_0, b_0), (a_1, b_1)]: [(A, B); 2]) -> ([A; 2], [B; 2]) {
    ([a_0, a_1], [b_0, b_1])
}

/// A session that is in this shard at first, and whose key begins with this byte or the next one.
fn record_in(shard: usize, byte: u8) -> Record {
    let mut key = *record().key.as_bytes();
    key[0] = byte / 2 * 2 + u8::try_from(shard).unwrap();
    Record { key: SessionKey::from_bytes(key), ..record() }
}

/// Keys that are in this shard at first.
fn keys_in(shard: usize, count: usize) -> Vec<SessionKey> {
    (0..count).map(|_| record_in(shard, 0).key).collect()
}

impl ShardedNode {
    /// A session in each shard, both in the cache of this node.
    async fn create_two(&self) -> [Record; 2] {
        let records = [self.keep(record_in(0, 0)).await, self.keep(record_in(1, 0)).await];
        for record in &records {
            assert_eq!(self.lookup(&record.key), Some(found("first")));
        }
        records
    }

    fn clears(&self) -> u64 {
        self.clustered.bus_stats().clears
    }

    /// Subscribed, healthy, partly healthy, reachable for the first session and for the second one.
    fn status(&self, [one, other]: &[Record; 2]) -> [bool; 5] {
        let node = &self.clustered;
        [
            node.is_subscribed(),
            node.is_healthy(),
            node.is_partly_healthy(),
            node.is_reachable_for(&one.key),
            node.is_reachable_for(&other.key),
        ]
    }

    async fn until_status(&self, records: &[Record; 2], expected: [bool; 5]) {
        until(&format!("{expected:?}"), async || self.status(records) == expected).await;
    }
}
