//! Sessions are found by their public ids.

use handstamp_core::id::PublicId;
use handstamp_store::{DynStore, ScanCursor, ScanPage, Shard, StoreError, StoreWrapper};
use handstamp_testkit::{ShardLayout, ShardedBus, ShardedStore};

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
        assert_eq!(found, Some(record.key));
    }
    let unknown = PublicId::generate().unwrap();
    assert_eq!(two.clustered.find(&unknown).await.unwrap(), None);
    assert!(one.end(&records[0]).await.unwrap());
    assert_eq!(two.clustered.find(&records[0].public_id).await.unwrap(), None);
    let other =
        cluster.node_with_keys("other", &ring("another-secret-of-more-than-thirty-two-letters")).await;
    let found = other.clustered.find(&records[1].public_id).await.unwrap();
    assert_eq!(found, None, "it cannot verify the record");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_found_in_any_shard() {
    let layout = ShardLayout::new(3);
    let buses = [(); 3].map(|()| handstamp_store::MemoryBus::new());
    let store = ShardedStore::new(&layout, buses.clone().map(handstamp_store::MemoryStore::new));
    let node = start(store, ShardedBus::new(&layout, buses)).await;
    for _ in 0..20 {
        let record = node.create().await;
        let found = node.clustered.find(&record.public_id).await.unwrap();
        assert_eq!(found, Some(record.key));
    }
}

/// A store without the capability.
struct WithoutScan(handstamp_store::MemoryStore);

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
