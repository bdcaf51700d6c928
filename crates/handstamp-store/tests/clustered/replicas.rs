//! A replica that lags behind is read only where that does no harm.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{
    ClusteredStore, CreateOutcome, Lookup, MemoryBus, MemoryStore, NodeSettings, Records, SaveOutcome,
    SystemClock,
};
use handstamp_testkit::{BusFaults, FaultyBus, FaultyStore, Replica, until};
use tokio::time::sleep;

use crate::support::{
    MAX_STALENESS, SECRET, TTL, changed, decode, entry, found, node_id, payload, record, ring, sealed,
};

struct Node {
    clustered: ClusteredStore,
    replica: Replica,
    bus_faults: BusFaults,
}

impl Node {
    /// A node that knows of no recent change.
    async fn start(primary: &MemoryStore, bus: &MemoryBus) -> Self {
        let replica = Replica::default();
        let store = FaultyStore::new(primary.clone()).0.with_replica(replica.clone());
        let (bus, bus_faults) = FaultyBus::new(bus.clone());
        let (keys, clock) = (ring(SECRET), Arc::new(SystemClock));
        let clustered =
            ClusteredStore::start(store, bus, &keys, node_id("one"), clock, NodeSettings::default());
        clustered.wait_until_ready().await;
        sleep(LONG).await;
        Self { clustered, replica, bus_faults }
    }

    async fn load(&self, key: &SessionKey) -> Lookup<Bytes> {
        let loaded = self.clustered.load(key, decode).await;
        payload(loaded.unwrap())
    }
}

/// The replica has the first revision of a record, and the primary the second, which this node does not know of.
async fn fixture() -> (Node, Record, MemoryStore) {
    let bus = MemoryBus::new();
    let primary = MemoryStore::new(bus.clone());
    let node = Node::start(&primary, &bus).await;
    let first = record();
    assert_eq!(primary.create(&sealed(&first), TTL).await.unwrap(), CreateOutcome::Created);
    let second = changed(&first, "second");
    let saved = primary.save(&sealed(&second), first.revision, TTL, Bytes::new()).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);
    node.replica.put(sealed(&first));
    // The message could not be read, so any session may have changed.
    sleep(LONG).await;
    (node, second, primary)
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_session_is_read_from_a_replica() {
    let (node, record, _primary) = fixture().await;
    assert_eq!(node.load(&record.key).await, found("first"));
    let fresh = node.clustered.load_fresh(&record.key, decode);
    assert_eq!(payload(fresh.await.unwrap()), found("second"), "a fresh load uses the primary");
}

#[tokio::test(start_paused = true)]
async fn a_recently_changed_session_is_read_from_the_primary() {
    let (node, record, _primary) = fixture().await;
    node.clustered.invalidate_everywhere(&record.key).await.unwrap();
    assert_eq!(node.load(&record.key).await, found("second"));
    node.clustered.clear_local_cache();
    sleep(LONG).await;
    assert_eq!(node.load(&record.key).await, found("first"), "it is forgotten after a while");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_this_node_wrote_is_read_from_the_primary() {
    let (node, record, _primary) = fixture().await;
    let third = changed(&record, "third");
    let value = entry(&third);
    let saved = node.clustered.writes().save(&third, record.revision, TTL, value).await.unwrap();
    assert_eq!(saved, SaveOutcome::Saved);
    node.clustered.clear_local_cache();
    assert_eq!(node.load(&record.key).await, found("third"));
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_sessions_are_read_from_the_primary() {
    let (node, record, _primary) = fixture().await;
    node.bus_faults.disconnect();
    until("the node has no subscription", async || !node.clustered.is_subscribed()).await;
    node.bus_faults.work();
    until("the node is subscribed again", async || node.clustered.is_subscribed()).await;
    assert_eq!(node.load(&record.key).await, found("second"));
}

#[tokio::test(start_paused = true)]
async fn a_reply_older_than_the_cached_record_is_not_used() {
    let (node, record, _primary) = fixture().await;
    let first = node.replica.take(&record.key).unwrap();
    assert_eq!(node.load(&record.key).await, found("second"), "the primary confirms that there is none");
    node.replica.put(first);
    // It has expired from the cache, but its revision is still known.
    sleep(NodeSettings::default().cache_ttl).await;
    assert_eq!(node.load(&record.key).await, found("second"));
}

/// Longer than changes are remembered.
const LONG: Duration = Duration::from_secs(MAX_STALENESS.as_secs() * 5);
