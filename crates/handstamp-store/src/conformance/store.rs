use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_core::id::{Namespace, PublicId, SessionKey};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Encoding, Entry, Record, Revision, Sealer, Seals, Tombstone, UnknownFields};
use handstamp_core::time::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Bus, CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Shard, Store, Stored, Subscription,
    TombstoneOutcome, TouchOutcome,
};

const LONG: Duration = Duration::from_secs(600);
const MEDIUM: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_millis(200);
/// No store takes this long for anything, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A record under a random key.
fn record() -> Entry {
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("random bytes");
    sealed(SessionKey::from_bytes(key), Revision::first().expect("random bytes"), "payload")
}

/// The record after the next save.
fn changed(record: &Entry, payload: &'static str) -> Entry {
    sealed(*record.key(), record.revision().next().expect("random bytes"), payload)
}

/// A record under a seal of its own: no store opens it.
fn sealed(key: SessionKey, revision: Revision, payload: impl Into<Bytes>) -> Entry {
    sealer().seal(&unsealed(key, revision, payload)).expect("a short subject")
}

/// A record that names a predecessor.
fn successor() -> Entry {
    let (record, predecessor) = (record(), Some(*record().key()));
    let record = Record { predecessor, ..unsealed(*record.key(), record.revision(), "payload") };
    sealer().seal(&record).expect("a short subject")
}

fn unsealed(key: SessionKey, revision: Revision, payload: impl Into<Bytes>) -> Record {
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
fn moved(record: &Entry) -> Entry {
    tombstone(record, Some(*self::record().key()))
}

/// The tombstone of a session that has ended, in the place of `record`, new for each call.
fn ended(record: &Entry) -> Entry {
    tombstone(record, None)
}

fn tombstone(record: &Entry, successor: Option<SessionKey>) -> Entry {
    let revision = Revision::first().expect("random bytes");
    sealer().seal_tombstone(&Tombstone { key: *record.key(), revision, successor, same_subject: false })
}

fn sealer() -> Sealer {
    let secret = Secret::generate().expect("random bytes");
    Sealer::new(&KeyRing::new(Namespace::default(), &[secret]).expect("a secret"))
}

async fn created(store: &impl Store, ttl: Duration) -> Entry {
    let record = record();
    assert_eq!(store.create(&record, ttl).await.expect("create"), CreateOutcome::Created);
    record
}

/// The record, or a tombstone.
async fn found(store: &impl Store, record: &Entry) -> Option<Stored> {
    store.load(record.key()).await.expect("load")
}

/// The record.
async fn loaded(store: &impl Store, record: &Entry) -> Option<Stored> {
    found(store, record).await.filter(|stored| !stored.entry.is_tombstone())
}

async fn save(store: &impl Store, record: &Entry, replacing: Revision) -> SaveOutcome {
    store.save(record, replacing, LONG, invalidation("saved")).await.expect("save")
}

async fn replace_with_tombstone(store: &impl Store, record: &Entry, tombstone: &Entry) -> TombstoneOutcome {
    store
        .replace_with_tombstone(tombstone, record.revision(), LONG, invalidation("retired"))
        .await
        .expect("retire")
}

/// Deletes a record, with the tombstone of a session that has ended.
async fn delete(store: &impl Store, record: &Entry) -> DeleteOutcome {
    delete_with(store, &ended(record), DeleteScope::Nothing).await
}

async fn delete_with(store: &impl Store, tombstone: &Entry, spare: DeleteScope) -> DeleteOutcome {
    store.delete(tombstone, LONG, spare, invalidation("deleted")).await.expect("delete")
}

fn invalidation(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn until_gone(store: &impl Store, record: &Entry) {
    let gone = async {
        while loaded(store, record).await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the record outlived its time");
}

/// What was put in comes out, with the time it has left.
pub async fn a_record_is_loaded_as_it_was_created(store: &impl Store) {
    let absent = record();
    assert_eq!(loaded(store, &absent).await, None);
    let record = created(store, LONG).await;
    let stored = loaded(store, &record).await.expect("the record is there");
    assert_eq!(stored.entry, record);
    let remaining = stored.remaining.expect("it has a limit");
    assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
}

/// A record is there for its time, and not after.
pub async fn a_record_lives_as_long_as_it_was_given(store: &impl Store) {
    let begun = Instant::now();
    let record = created(store, SHORT).await;
    let early = loaded(store, &record).await;
    assert!(early.is_some() || begun.elapsed() >= SHORT);
    until_gone(store, &record).await;
    let later = changed(&record, "later");
    assert_eq!(save(store, &later, record.revision()).await, SaveOutcome::Gone);
    assert_eq!(store.touch(record.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    assert_eq!(loaded(store, &record).await, None);
}

/// A key that is taken stays as it is.
pub async fn creating_never_overwrites(store: &impl Store) {
    let first = created(store, LONG).await;
    let other = changed(&first, "other");
    assert_eq!(store.create(&other, LONG).await.expect("create"), CreateOutcome::Exists);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(first));
}

/// Whoever got no answer asks again, and hears of the first success.
pub async fn creating_can_be_repeated(store: &impl Store) {
    let record = created(store, LONG).await;
    assert_eq!(store.create(&record, LONG).await.expect("create"), CreateOutcome::Created);
}

/// Compare and set.
pub async fn saving_replaces_the_expected_revision_only(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    let stale = changed(&first, "stale");
    assert_eq!(save(store, &stale, first.revision()).await, SaveOutcome::Conflict);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));
}

/// Whoever got no answer asks again, and hears of the first success.
pub async fn saving_can_be_repeated(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));
}

/// Neither what never was nor what was deleted comes into being.
pub async fn saving_never_creates(store: &impl Store) {
    let never = record();
    assert_eq!(save(store, &changed(&never, "x"), never.revision()).await, SaveOutcome::Gone);
    assert_eq!(loaded(store, &never).await, None);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(save(store, &changed(&deleted, "x"), deleted.revision()).await, SaveOutcome::Gone);
    assert_eq!(loaded(store, &deleted).await, None);
}

/// A save counts as a use.
pub async fn saving_sets_the_time_to_live_anew(store: &impl Store) {
    let first = created(store, MEDIUM).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    let remaining = loaded(store, &first).await.expect("the record is there").remaining;
    let remaining = remaining.expect("it has a limit");
    assert!(remaining > MEDIUM && remaining <= LONG, "{remaining:?}");
}

/// Of those who read the same revision, one may replace it.
pub async fn of_many_concurrent_saves_one_succeeds(store: &impl Store) {
    let first = created(store, LONG).await;
    let saves = join_all((0..50).map(|_| async {
        let later = changed(&first, "later");
        (later.revision(), save(store, &later, first.revision()).await)
    }));
    let outcomes = saves.await;
    let saved: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == SaveOutcome::Saved).collect();
    assert_eq!(saved.len(), 1, "{} saves of one revision succeeded", saved.len());
    assert!(outcomes.iter().all(|(_, outcome)| *outcome != SaveOutcome::Gone));
    let stored = loaded(store, &first).await.expect("the record is there");
    assert_eq!(stored.entry.revision(), saved[0].0);
}

/// The time to live is what was asked for last.
pub async fn touching_extends_and_shortens(store: &impl Store) {
    let record = created(store, MEDIUM).await;
    assert_eq!(store.touch(record.key(), LONG).await.expect("touch"), TouchOutcome::Touched);
    let stored = loaded(store, &record).await.expect("the record is there");
    assert!(stored.remaining.is_some_and(|remaining| remaining > MEDIUM), "{:?}", stored.remaining);
    assert_eq!(stored.entry, record, "only the time to live changes");
    assert_eq!(store.touch(record.key(), SHORT).await.expect("touch"), TouchOutcome::Touched);
    until_gone(store, &record).await;
}

/// Neither what never was nor what was deleted comes into being.
pub async fn touching_never_creates(store: &impl Store) {
    let never = record();
    assert_eq!(store.touch(never.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(store.touch(deleted.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    assert_eq!(loaded(store, &deleted).await, None);
}

/// What was deleted is gone, whatever its revision, and a second time does no harm.
pub async fn deleting_is_final(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(delete(store, &first).await, DeleteOutcome::Deleted);
    assert_eq!(loaded(store, &first).await, None);
    assert_eq!(delete(store, &first).await, DeleteOutcome::Gone);
    let never = record();
    assert_eq!(delete(store, &never).await, DeleteOutcome::Absent);
    assert_eq!(found(store, &never).await, None, "nothing is left where nothing was");
}

/// The tombstone of a session that has ended stays for its time. No record comes in its place.
pub async fn deleting_leaves_a_tombstone(store: &impl Store) {
    let deleted = created(store, LONG).await;
    let tombstone = ended(&deleted);
    let outcome = store.delete(&tombstone, MEDIUM, DeleteScope::Nothing, invalidation("deleted")).await;
    assert_eq!(outcome.expect("delete"), DeleteOutcome::Deleted);
    let stored = found(store, &deleted).await.expect("a tombstone");
    assert_eq!(stored.entry, tombstone);
    assert!(stored.remaining.is_some_and(|left| left <= MEDIUM), "{:?}", stored.remaining);
    assert_eq!(store.create(&deleted, LONG).await.expect("create"), CreateOutcome::Exists);
    assert_eq!(store.touch(deleted.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    let remaining = found(store, &deleted).await.expect("a tombstone").remaining;
    assert!(remaining.is_some_and(|left| left <= MEDIUM), "its time is its own: {remaining:?}");
}

/// A call that is repeated after a lost reply returns the success of the first one.
pub async fn deleting_can_be_repeated(store: &impl Store) {
    let deleted = created(store, LONG).await;
    let mine = ended(&deleted);
    for _ in 0..2 {
        assert_eq!(delete_with(store, &mine, DeleteScope::Nothing).await, DeleteOutcome::Deleted);
    }
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Gone);
}

/// A delete can spare a record that names a predecessor, and none else.
pub async fn deleting_spares_successors_on_request(store: &impl Store) {
    let first = created(store, LONG).await;
    assert_eq!(delete_with(store, &ended(&first), DeleteScope::Successors).await, DeleteOutcome::Deleted);
    let second = successor();
    assert_eq!(store.create(&second, LONG).await.expect("create"), CreateOutcome::Created);
    let outcome = delete_with(store, &ended(&second), DeleteScope::Successors).await;
    assert_eq!(outcome, DeleteOutcome::Spared(second.clone()));
    assert_eq!(loaded(store, &second).await.map(|stored| stored.entry), Some(second.clone()));
    assert_eq!(delete(store, &second).await, DeleteOutcome::Deleted);
}

/// Retiring takes the expected revision only.
pub async fn retiring_spares_all_other_revisions(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(replace_with_tombstone(store, &first, &moved(&first)).await, TombstoneOutcome::Conflict);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second.clone()));
    assert_eq!(replace_with_tombstone(store, &second, &moved(&second)).await, TombstoneOutcome::Replaced);
    assert_eq!(loaded(store, &first).await, None);
    let never = record();
    assert_eq!(replace_with_tombstone(store, &never, &moved(&never)).await, TombstoneOutcome::Gone);
}

/// A call that is repeated after a lost reply returns the success of the first one; no other call does.
pub async fn retiring_can_be_repeated(store: &impl Store) {
    let retired = created(store, LONG).await;
    let mine = moved(&retired);
    assert_eq!(replace_with_tombstone(store, &retired, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(replace_with_tombstone(store, &retired, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(replace_with_tombstone(store, &retired, &moved(&retired)).await, TombstoneOutcome::Moved);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(replace_with_tombstone(store, &deleted, &moved(&deleted)).await, TombstoneOutcome::Gone);
}

/// To every call, the session has moved, and nothing comes in the place of its tombstone.
pub async fn retiring_is_final(store: &impl Store) {
    let retired = created(store, LONG).await;
    let mine = moved(&retired);
    assert_eq!(replace_with_tombstone(store, &retired, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(save(store, &changed(&retired, "x"), retired.revision()).await, SaveOutcome::Moved);
    assert_eq!(store.touch(retired.key(), LONG).await.expect("touch"), TouchOutcome::Moved);
    assert_eq!(store.create(&retired, LONG).await.expect("create"), CreateOutcome::Exists);
    for spare in [DeleteScope::Nothing, DeleteScope::Successors] {
        let outcome = delete_with(store, &ended(&retired), spare).await;
        assert_eq!(outcome, DeleteOutcome::Moved(mine.clone()));
    }
    assert_eq!(found(store, &retired).await.map(|stored| stored.entry), Some(mine));
}

/// `keep_tombstone` changes the life of its own tombstone, and of nothing else.
pub async fn tombstones_can_be_shortened(store: &impl Store) {
    let retired = created(store, LONG).await;
    let mine = moved(&retired);
    store.keep_tombstone(&mine, SHORT).await.expect("keep");
    assert!(loaded(store, &retired).await.is_some(), "a record is no tombstone");
    assert_eq!(replace_with_tombstone(store, &retired, &mine).await, TombstoneOutcome::Replaced);
    store.keep_tombstone(&moved(&retired), SHORT).await.expect("keep");
    store.keep_tombstone(&mine, MEDIUM).await.expect("keep");
    let remaining = found(store, &retired).await.expect("a tombstone").remaining;
    assert!(remaining.is_some_and(|left| left <= MEDIUM && left > SHORT), "{remaining:?}");
    store.keep_tombstone(&mine, SHORT).await.expect("keep");
    let gone = async {
        while found(store, &retired).await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the tombstone outlived its time");
    store.keep_tombstone(&mine, LONG).await.expect("keep");
    assert_eq!(found(store, &retired).await, None, "it does not come back");
}

/// Whatever is under way when a record is deleted, nothing brings it back.
pub async fn nothing_survives_a_delete_among_writes(store: &impl Store) {
    for _ in 0..20 {
        let first = created(store, LONG).await;
        let writes = join_all((0..10).map(|_| async {
            let _ = save(store, &changed(&first, "later"), first.revision()).await;
            let _ = store.touch(first.key(), LONG).await.expect("touch");
        }));
        let (_, deleted) = tokio::join!(writes, delete(store, &first));
        assert_eq!(deleted, DeleteOutcome::Deleted);
        assert_eq!(loaded(store, &first).await, None);
    }
}

/// Every change is announced, after it can be seen, and a fence of the shard that the session lies in proves it.
pub async fn writes_publish_their_notice(store: &impl Store, bus: &impl Bus) {
    let first = created(store, LONG).await;
    let mut subscription = subscribed(bus, store.shard_of(first.key())).await;
    let second = changed(&first, "second");
    let [saved, deleted, retired] = [unique(), unique(), unique()];

    let outcome = store.save(&second, first.revision(), LONG, saved.clone()).await.expect("save");
    assert_eq!(outcome, SaveOutcome::Saved);
    assert_proved(&mut subscription, &saved).await;
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));

    let outcome = store.delete(&ended(&first), LONG, DeleteScope::Successors, deleted.clone()).await;
    assert_eq!(outcome.expect("delete"), DeleteOutcome::Deleted);
    assert_proved(&mut subscription, &deleted).await;

    let third = created(store, LONG).await;
    let mut subscription = subscribed(bus, store.shard_of(third.key())).await;
    let tombstone = moved(&third);
    let outcome = store.replace_with_tombstone(&tombstone, third.revision(), LONG, retired.clone());
    assert_eq!(outcome.await.expect("retire"), TombstoneOutcome::Replaced);
    assert_proved(&mut subscription, &retired).await;
}

/// A write that was refused makes nobody forget anything.
pub async fn what_changes_nothing_publishes_nothing(store: &impl Store, bus: &impl Bus) {
    let first = created(store, LONG).await;
    let second = created(store, LONG).await;
    assert_eq!(delete(store, &second).await, DeleteOutcome::Deleted);
    let mut subscription = subscribed(bus, store.shard_of(first.key())).await;
    let stale = changed(&first, "stale");
    let silent = unique();
    let save = store.save(&stale, stale.revision().next().expect("random bytes"), LONG, silent.clone());
    assert_eq!(save.await.expect("save"), SaveOutcome::Conflict);
    let tombstone = moved(&first);
    let retire = store.replace_with_tombstone(&tombstone, stale.revision(), LONG, silent.clone());
    assert_eq!(retire.await.expect("retire"), TombstoneOutcome::Conflict);
    let _ = store.touch(first.key(), LONG).await.expect("touch");
    for (record, outcome) in [(record(), DeleteOutcome::Absent), (second, DeleteOutcome::Gone)] {
        let tombstone = ended(&record);
        let delete = store.delete(&tombstone, LONG, DeleteScope::Nothing, silent.clone());
        assert_eq!(delete.await.expect("delete"), outcome);
    }
    subscription.fence().await.expect("fence");
    while let Some(message) = subscription.try_next() {
        assert_ne!(message.expect("message").message(), Some(&silent), "a refused write was announced");
    }
}

/// Any bytes, none, and many.
pub async fn payloads_may_be_anything(store: &impl Store) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for payload in [Bytes::new(), Bytes::from_static(b"\r\n\0"), every_byte.into()] {
        let record = sealed(*record().key(), record().revision(), payload);
        assert_eq!(store.create(&record, LONG).await.expect("create"), CreateOutcome::Created);
        assert_eq!(loaded(store, &record).await.map(|stored| stored.entry), Some(record));
    }
}

/// A store that works says so.
pub async fn a_working_store_says_so(store: &impl Store) {
    let shards = store.shards().current();
    assert!(!shards.is_empty());
    for shard in shards {
        store.ping_primary(shard).await.expect("check");
        store.check_writes(shard).await.expect("check of writes");
        store.time(shard).await.expect("time");
    }
}

/// A message that nobody else sends.
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

async fn assert_proved(subscription: &mut impl Subscription, expected: &Bytes) {
    subscription.fence().await.expect("fence");
    let mut heard = std::iter::from_fn(|| subscription.try_next());
    assert!(
        heard.any(|next| next.expect("message").message() == Some(expected)),
        "a fence overtook a invalidation"
    );
}

pub(super) async fn until_heard(subscription: &mut impl Subscription, expected: &Bytes) {
    let heard = async { while subscription.next().await.expect("message").message() != Some(expected) {} };
    timeout(PATIENCE, heard).await.expect("the message never came");
}
