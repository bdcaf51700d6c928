//! Sessions are found by their public ids.

use std::collections::BTreeSet;

use handstamp_core::id::PublicId;
use handstamp_core::record::{Record, RecordError};
use handstamp_store::{
    DynStore, MemoryBus, MemoryStore, ScanCursor, ScanPage, Shard, StoreError, StoreWrapper,
};
use handstamp_testkit::{FaultyStore, ShardLayout, ShardedBus, ShardedStore};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_session_is_found_by_its_public_id_as_long_as_it_lives() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let mut records = Vec::new();
    // Several pages.
    for _ in 0..600 {
        records.push(one.create().await);
    }
    for record in records.iter().step_by(100) {
        let found = two.clustered.find(&record.public_id).await.unwrap();
        assert_eq!(found, BTreeSet::from([record.key]));
    }
    let unknown = PublicId::generate().unwrap();
    assert_eq!(two.clustered.find(&unknown).await.unwrap(), BTreeSet::new());
    assert!(one.end(&records[0]).await.unwrap());
    assert_eq!(two.clustered.find(&records[0].public_id).await.unwrap(), BTreeSet::new());
    let other =
        cluster.node_with_keys("other", &ring("another-secret-of-more-than-thirty-two-letters")).await;
    let found = other.clustered.find(&records[1].public_id).await;
    assert!(matches!(found, Err(StoreError::Record(RecordError::UnknownKey))), "{found:?}");
    assert_eq!(other.clustered.find(&unknown).await.unwrap(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn both_keys_of_a_session_that_is_renewed_are_found() {
    let cluster = Cluster::new();
    let node = cluster.node("node").await;
    let old = node.create().await;
    let new = node.keep(Record { public_id: old.public_id, predecessor: Some(old.key), ..record() }).await;
    let found = node.clustered.find(&old.public_id).await.unwrap();
    assert_eq!(found, BTreeSet::from([old.key, new.key]));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_found_while_another_shard_cannot_be_reached() {
    let layout = ShardLayout::new(3);
    let buses = [(); 3].map(|()| MemoryBus::new());
    let (stores, faults): (Vec<_>, Vec<_>) =
        buses.clone().map(|bus| FaultyStore::new(MemoryStore::new(bus))).into_iter().unzip();
    let node = start(ShardedStore::new(&layout, stores), ShardedBus::new(&layout, buses)).await;
    let mut records = Vec::new();
    for _ in 0..30 {
        records.push(node.create().await);
    }
    faults[1].fail();
    for record in &records {
        let found = node.clustered.find(&record.public_id).await;
        if layout.shard_of(&record.key).number() == 1 {
            assert!(matches!(found, Err(StoreError::Unavailable(_))), "{found:?}");
        } else {
            assert_eq!(found.unwrap(), BTreeSet::from([record.key]));
        }
    }
    let unknown = node.clustered.find(&PublicId::generate().unwrap()).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_found_in_any_shard() {
    let layout = ShardLayout::new(3);
    let buses = [(); 3].map(|()| MemoryBus::new());
    let store = ShardedStore::new(&layout, buses.clone().map(MemoryStore::new));
    let node = start(store, ShardedBus::new(&layout, buses)).await;
    for _ in 0..20 {
        let record = node.create().await;
        let found = node.clustered.find(&record.public_id).await.unwrap();
        assert_eq!(found, BTreeSet::from([record.key]));
    }
}

/// A store without the capability.
struct WithoutScan(MemoryStore);

impl StoreWrapper for WithoutScan {
    fn inner(&self) -> &dyn DynStore {
        &self.0
    }

    async fn scan(&self, _shard: Shard, _cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
        Err(StoreError::Unsupported)
    }
}

#[tokio::test(start_paused = true)]
async fn without_scans_a_session_cannot_be_found() {
    let cluster = Cluster::new();
    let node = start(WithoutScan(cluster.store.clone()), cluster.bus.clone()).await;
    let record = node.create().await;
    let found = node.clustered.find(&record.public_id).await;
    assert!(matches!(found, Err(StoreError::Unsupported)), "{found:?}");
}
