//! Records for the tests, and short forms of calls.

use std::time::Duration;

use handstamp_core::keys::{KeyRing, Secret};
use tokio::time::{sleep, timeout};

use crate::{
    Bus, Bytes, CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Shard, Store, Stored, Subscription,
    TombstoneOutcome,
};
use handstamp_core::id::{Namespace, PublicId, SessionKey};
use handstamp_core::record::{Encoding, Entry, Record, Revision, Sealer, Seals, Tombstone, UnknownFields};
use handstamp_core::time::Timestamp;

pub(super) const LONG: Duration = Duration::from_secs(600);
pub(super) const MEDIUM: Duration = Duration::from_secs(300);
pub(super) const SHORT: Duration = Duration::from_millis(200);
/// Longer than any store takes, also on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A record under a random key.
pub(super) fn record() -> Entry {
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("random bytes");
    sealed(SessionKey::from_bytes(key), Revision::first().expect("random bytes"), "payload")
}

/// The record with its next revision.
pub(super) fn changed(record: &Entry, payload: &'static str) -> Entry {
    sealed(*record.key(), record.revision().next(Timestamp::from_millis(1)), payload)
}

/// A record sealed under a random secret: a store does not open it.
pub(super) fn sealed(key: SessionKey, revision: Revision, payload: impl Into<Bytes>) -> Entry {
    sealer().seal(&unsealed(key, revision, payload)).expect("a short subject")
}

/// A record that names a predecessor.
pub(super) fn successor() -> Entry {
    let (record, predecessor) = (record(), Some(*record().key()));
    let record = Record { predecessor, ..unsealed(*record.key(), record.revision(), "payload") };
    sealer().seal(&record).expect("a short subject")
}

pub(super) fn unsealed(key: SessionKey, revision: Revision, payload: impl Into<Bytes>) -> Record {
    Record {
        revision,
        key,
        public_id: PublicId::generate().expect("random bytes"),
        predecessor: None,
        created_at: Timestamp::from_millis(1_700_000_000_000),
        saved_at: Timestamp::from_millis(1_700_000_300_000),
        expires_at: Timestamp::from_millis(1_700_086_400_000),
        idle_timeout: LONG,
        subject: Some("ada".to_owned()),
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: payload.into(),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    }
}

/// The tombstone of a session that has moved, in the place of `record`, new for each call.
pub(super) fn moved(record: &Entry) -> Entry {
    tombstone(record, Some(*self::record().key()))
}

/// The tombstone of a session that has ended, in the place of `record`, new for each call.
pub(super) fn ended(record: &Entry) -> Entry {
    tombstone(record, None)
}

pub(super) fn tombstone(record: &Entry, successor: Option<SessionKey>) -> Entry {
    let revision = Revision::first().expect("random bytes");
    sealer().seal_tombstone(&Tombstone { key: *record.key(), revision, successor, same_subject: false })
}

pub(super) fn sealer() -> Sealer {
    let secret = Secret::generate().expect("random bytes");
    Sealer::new(&KeyRing::new(Namespace::default(), &[secret]).expect("a secret"))
}

pub(super) async fn created(store: &impl Store, ttl: Duration) -> Entry {
    let record = record();
    assert_eq!(store.create(&record, ttl).await.expect("create"), CreateOutcome::Created);
    record
}

/// The entry under the key: a record or a tombstone.
pub(super) async fn found(store: &impl Store, record: &Entry) -> Option<Stored> {
    store.load(record.key()).await.expect("load")
}

/// The record.
pub(super) async fn loaded(store: &impl Store, record: &Entry) -> Option<Stored> {
    found(store, record).await.filter(|stored| !stored.entry.is_tombstone())
}

pub(super) async fn save(store: &impl Store, record: &Entry, replacing: Revision) -> SaveOutcome {
    store.save(record, replacing, LONG, invalidation("saved")).await.expect("save")
}

pub(super) async fn replace_with_tombstone(
    store: &impl Store,
    record: &Entry,
    tombstone: &Entry,
) -> TombstoneOutcome {
    store
        .replace_with_tombstone(tombstone, record.revision(), LONG, invalidation("moved"))
        .await
        .expect("replace")
}

/// Deletes a record, with the tombstone of a session that has ended.
pub(super) async fn delete(store: &impl Store, record: &Entry) -> DeleteOutcome {
    delete_with(store, &ended(record), DeleteScope::All).await
}

pub(super) async fn delete_with(store: &impl Store, tombstone: &Entry, scope: DeleteScope) -> DeleteOutcome {
    store.delete(tombstone, LONG, scope, invalidation("deleted")).await.expect("delete")
}

pub(super) fn invalidation(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(super) async fn until_gone(store: &impl Store, record: &Entry) {
    let gone = async {
        while loaded(store, record).await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the record was there after its time to live");
}

/// A random message.
pub(super) fn unique() -> Bytes {
    let mut message = [0; 16];
    getrandom::fill(&mut message).expect("random bytes");
    Bytes::copy_from_slice(&message)
}

pub(super) async fn subscribed<B: Bus>(bus: &B, shard: Shard) -> B::Subscription {
    let subscription = bus.subscribe(shard).await.expect("subscribe");
    subscription.fence().await.expect("fence");
    subscription
}

pub(super) async fn assert_fence_covers(subscription: &mut impl Subscription, expected: &Bytes) {
    subscription.fence().await.expect("fence");
    let mut received = std::iter::from_fn(|| subscription.try_next());
    assert!(
        received.any(|next| next.expect("message").message() == Some(expected)),
        "a fence overtook an invalidation"
    );
}

pub(super) async fn until_received(subscription: &mut impl Subscription, expected: &Bytes) {
    let received = async { while subscription.next().await.expect("message").message() != Some(expected) {} };
    timeout(PATIENCE, received).await.expect("the message did not arrive");
}
