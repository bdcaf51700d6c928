//! Records under other secrets, and records that no node has sealed.

use std::sync::Arc;

use bytes::Bytes;
use handstamp_core::keys::KeyAge;
use handstamp_core::record::{Entry, Opened, Record, RecordError, Sealer, Unknown};
use handstamp_store::{
    CacheEntry, ClusteredStore, CreateOutcome, Decoded, EndOutcome, Loaded, Lookup, NodeSettings, Records,
    StoreError, SystemClock, TouchOutcome, Versioned,
};

use crate::support::{
    Cluster, TTL, changed, decode, entry, found, is_in, keys, node_id, payload, record, sealed,
};

async fn node(cluster: &Cluster, secrets: &[&str]) -> ClusteredStore {
    let (store, bus) = (cluster.store.clone(), cluster.bus.clone());
    let clock = Arc::new(SystemClock);
    let node =
        ClusteredStore::start(store, bus, &keys(secrets), node_id("one"), clock, NodeSettings::default());
    node.wait_until_ready().await;
    node
}

async fn create(node: &ClusteredStore) -> Record {
    let record = record();
    let created = node.writes().create(&record, TTL, entry(&record)).await;
    assert_eq!(created.unwrap(), CreateOutcome::Created);
    record
}

async fn load(node: &ClusteredStore, record: &Record) -> Result<Lookup<Bytes>, StoreError> {
    node.load_fresh(&record.key, decode).await.map(payload)
}

/// The record in the store, opened with these secrets.
async fn opened(cluster: &Cluster, secrets: &[&str], record: &Record) -> Result<Opened, RecordError> {
    let stored = cluster.store.load(&record.key).await.unwrap().unwrap();
    Sealer::new(&keys(secrets)).open(&stored.entry)
}

#[tokio::test(start_paused = true)]
async fn k7_3_a_rotation_of_secrets_ends_no_session() {
    let cluster = Cluster::new();
    let before = node(&cluster, &["old"]).await;
    let record = create(&before).await;
    let during = node(&cluster, &["new", "old"]).await;
    assert_eq!(load(&during, &record).await.unwrap(), found("first"));
    assert!(matches!(opened(&cluster, &["new", "old"], &record).await, Ok(Opened::Record(_, KeyAge::Other))));
    assert_eq!(during.writes().reseal(&record.key, TTL).await.unwrap(), TouchOutcome::Touched);
    assert!(matches!(opened(&cluster, &["new"], &record).await, Ok(Opened::Record(_, KeyAge::Current))));
    assert_eq!(load(&node(&cluster, &["new"]).await, &record).await.unwrap(), found("first"));
}

#[tokio::test(start_paused = true)]
async fn k7_3_a_record_under_an_unknown_secret_is_an_error_and_is_reported() {
    let cluster = Cluster::new();
    let record = create(&node(&cluster, &["old"]).await).await;
    let without = node(&cluster, &["new"]).await;
    assert!(!without.is_missing_secret());
    for _ in 0..2 {
        let error = load(&without, &record).await.unwrap_err();
        assert!(matches!(error, StoreError::Record(RecordError::UnknownKey)), "{error:?}");
    }
    assert!(without.is_missing_secret());
    let ended = without.writes().end(&record.key).await.unwrap();
    assert_eq!(ended, EndOutcome::Ended, "a logout works all the same");
}

#[tokio::test(start_paused = true)]
async fn a_reseal_loses_no_save_and_creates_nothing() {
    let cluster = Cluster::new();
    let before = node(&cluster, &["old"]).await;
    let first = create(&before).await;
    let during = cluster.node_with_keys("two", &keys(&["new", "old"])).await;
    let mut held = during.faults.hold_next_load();
    let second = changed(&first, "second");
    let (resealed, ()) = tokio::join!(during.clustered.writes().reseal(&first.key, TTL), async {
        held.reached().await;
        let _ = before.writes().save(&second, first.revision, TTL, entry(&second)).await.unwrap();
        held.release();
    });
    assert_eq!(resealed.unwrap(), TouchOutcome::Touched);
    assert_eq!(load(&during.clustered, &first).await.unwrap(), found("second"));

    assert_eq!(before.writes().end(&first.key).await.unwrap(), EndOutcome::Ended);
    assert_eq!(during.clustered.writes().reseal(&first.key, TTL).await.unwrap(), TouchOutcome::Gone);
    assert!(!is_in(&cluster.store, &first).await);
}

#[tokio::test(start_paused = true)]
async fn k7_3_a_record_that_no_node_has_sealed_is_never_returned() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let (victim, planted) = (record(), record());
    // An authentic record of another session.
    let bytes = sealed(&planted).bytes().clone();
    let entry = Entry::read(victim.key, bytes).unwrap();
    assert_eq!(cluster.store.create(&entry, TTL).await.unwrap(), CreateOutcome::Created);
    let calls = node.faults.calls();
    assert_eq!(node.load(&victim.key).await.unwrap(), Lookup::Unreadable);
    assert_eq!(node.faults.calls(), calls + 2, "the first reply may have been that to another call");
    assert_eq!(node.read(&victim.key).await.unwrap(), Lookup::Unreadable);
    assert_eq!(node.faults.calls(), calls + 2, "it is not loaded again at once");
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_version_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = record();
    let mut bytes = sealed(&record).bytes().to_vec();
    bytes[2] = 2;
    let entry = Entry::read(record.key, bytes.into()).unwrap();
    assert_eq!(cluster.store.create(&entry, TTL).await.unwrap(), CreateOutcome::Created);
    let error = node.load(&record.key).await.unwrap_err();
    assert!(matches!(error, StoreError::Record(RecordError::Newer(Unknown::Format(2)))), "{error:?}");
    assert!(node.end(&record).await.unwrap(), "a logout works all the same");
}

/// The layer needs the age of the key to reseal the record.
#[tokio::test(start_paused = true)]
async fn the_age_of_the_key_reaches_the_decoder() {
    let cluster = Cluster::new();
    let record = create(&node(&cluster, &["old"]).await).await;
    for (secrets, expected) in [(&["old"][..], KeyAge::Current), (&["new", "old"], KeyAge::Other)] {
        let ages = |loaded: Loaded| -> Result<Decoded<Versioned<KeyAge>>, StoreError> {
            let Record { key, revision, .. } = loaded.record;
            let entry = CacheEntry::new(Versioned::new(key, revision, loaded.key_age), 1);
            Ok(Decoded::Session { entry, left: TTL })
        };
        let node = node(&cluster, secrets).await;
        let found = node.load_fresh(&record.key, ages).await.unwrap();
        assert!(matches!(found, Lookup::Found(age) if age.value == expected));
    }
}

/// The pending delete would end the session under the new cookie.
#[tokio::test(start_paused = true)]
async fn k1_2_a_session_with_a_pending_delete_is_not_confirmed() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let confirm = async || node.clustered.writes().confirm(&record.key, TTL, TTL / 10).await.unwrap();
    assert_eq!(confirm().await, Some(KeyAge::Current));
    node.faults.fail_deletes_of([record.key]);
    assert!(node.end(&record).await.is_err());
    assert!(is_in(&cluster.store, &record).await);
    assert_eq!(confirm().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_does_not_count_as_use() {
    let cluster = Cluster::new();
    let record = create(&node(&cluster, &["old"]).await).await;
    let during = node(&cluster, &["new", "old"]).await;
    tokio::time::sleep(TTL / 2).await;
    assert_eq!(during.writes().confirm(&record.key, TTL, TTL / 10).await.unwrap(), Some(KeyAge::Current));
    let remaining = cluster.store.load(&record.key).await.unwrap().unwrap().remaining.unwrap();
    assert!(remaining <= TTL / 2, "{remaining:?}");
}
