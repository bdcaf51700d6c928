//! Logouts by other code than the visitor's request.

use std::time::Duration;

use handstamp::store::{
    Bytes, CreateOutcome, DeleteOutcome, DeleteScope, DynStore, Entry, MemoryStore, Records, ScanCursor,
    ScanPage, Shard, StoreError, StoreWrapper,
};
use handstamp::{EndOutcome, PublicId, Sessions};
use handstamp_core::record::{Record, Sealer};
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Cluster, config, key_ring, logged_in, stored_record};

#[tokio::test]
async fn a_session_is_ended_by_its_key_on_every_node() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let (other, admin) = (cluster.node().await, cluster.bare_node().await);
    let mut elsewhere = browser.on(&other);
    elsewhere.me().await.unwrap();
    assert_eq!(admin.sessions.end(&browser.session_key()).await.unwrap(), EndOutcome::Ended);
    until("the logout reaches the node", async || elsewhere.me().await.is_err()).await;
    assert_eq!(browser.on(&node).post("/visit", "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(other.sessions.end(&browser.session_key()).await.unwrap(), EndOutcome::HadEnded);
    assert_eq!(cluster.store.len(), 0);
}

#[tokio::test]
async fn an_end_follows_a_session_that_has_moved() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let old = browser.session_key();
    browser.post("/renew", "").await;
    assert_ne!(browser.session_key(), old);
    assert_eq!(cluster.bare_node().await.sessions.end(&old).await.unwrap(), EndOutcome::Ended);
    until("the logout reaches the node", async || browser.on(&node).me().await.is_err()).await;
}

#[tokio::test]
async fn a_session_is_ended_by_its_public_id() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let mut bob = node.browser();
    bob.login("bob").await;
    let public_id = browser.take_session().await.public_id().unwrap();
    browser.post("/renew", "").await;
    let admin = cluster.bare_node().await.sessions;
    assert_eq!(admin.end_by_public_id(&public_id).await.unwrap(), EndOutcome::Ended);
    until("the logout reaches the node", async || browser.me().await.is_err()).await;
    assert_eq!(bob.me().await.unwrap(), "bob 0");
    assert_eq!(admin.end_by_public_id(&public_id).await.unwrap(), EndOutcome::Absent);
    assert_eq!(admin.end_by_public_id(&PublicId::generate().unwrap()).await.unwrap(), EndOutcome::Absent);
}

/// A renewal that has created the new record, and not replaced the old one yet.
#[tokio::test]
async fn an_end_by_public_id_ends_both_records_of_a_renewal() {
    let cluster = Cluster::new();
    let (_node, browser) = logged_in(&cluster).await;
    let old = stored_record(&cluster, &browser).await;
    let new = Record { key: handstamp_testkit::record().key, predecessor: Some(old.key), ..old.clone() };
    let sealed = Sealer::new(&key_ring()).seal(&new).unwrap();
    let created = Records::create(&cluster.store, &sealed, Duration::from_secs(60)).await.unwrap();
    assert_eq!((created, cluster.store.len()), (CreateOutcome::Created, 2));
    let admin = cluster.bare_node().await.sessions;
    assert_eq!(admin.end_by_public_id(&old.public_id).await.unwrap(), EndOutcome::Ended);
    assert_eq!(cluster.store.len(), 0);
}

#[tokio::test]
async fn an_end_that_panics_is_an_error_of_its_own() {
    struct Panicking(MemoryStore);

    impl StoreWrapper for Panicking {
        fn inner(&self) -> &dyn DynStore {
            &self.0
        }

        async fn delete(
            &self,
            _tombstone: &Entry,
            _ttl: Duration,
            _scope: DeleteScope,
            _invalidation: Bytes,
        ) -> Result<DeleteOutcome, StoreError> {
            panic!("a bug of the store")
        }
    }

    let cluster = Cluster::new();
    let store = Panicking(cluster.store.clone());
    let sessions = Sessions::start_with(config(), store, cluster.bus.clone()).await.unwrap();
    let ended = sessions.end(&handstamp_testkit::record().key).await;
    assert!(matches!(ended, Err(StoreError::Panicked)), "{ended:?}");
}

#[tokio::test]
async fn a_store_that_cannot_scan_is_an_error_of_its_own() {
    struct WithoutScan(MemoryStore);

    impl StoreWrapper for WithoutScan {
        fn inner(&self) -> &dyn DynStore {
            &self.0
        }

        async fn scan(&self, _shard: Shard, _cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
            Err(StoreError::Unsupported)
        }
    }

    let cluster = Cluster::new();
    let store = WithoutScan(cluster.store.clone());
    let sessions = Sessions::start_with(config(), store, cluster.bus.clone()).await.unwrap();
    let ended = sessions.end_by_public_id(&PublicId::generate().unwrap()).await;
    assert!(matches!(ended, Err(StoreError::Unsupported)), "{ended:?}");
}

#[tokio::test]
async fn an_end_that_the_store_does_not_confirm_is_an_error_and_holds_on_this_node() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let public_id = browser.clone().take_session().await.public_id().unwrap();
    node.faults.fail();
    assert!(node.sessions.end(&browser.session_key()).await.is_err());
    assert!(node.sessions.end_by_public_id(&public_id).await.is_err());
    assert!(browser.on(&node).me().await.is_err());
    node.faults.work();
    until("the delete is repeated", async || cluster.store.is_empty()).await;
}
