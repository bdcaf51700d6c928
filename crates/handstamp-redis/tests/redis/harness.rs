use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::{Entry, Record, Revision, Tombstone};
use handstamp_redis::{Channel, Driver, RedisBus, RedisConfig, RedisError, RedisStore, connect, record_key};
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, Records, StoreError, Stored, Subscription, Topology,
};
pub(crate) use handstamp_testkit::PATIENCE;
use handstamp_testkit::{Log, Proxy, RedisServer, eventually, sealed, sealer};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::Level;

pub(crate) const NAMESPACE: &str = "test:redis";
/// The time to live of records. No test takes this long.
pub(crate) const TTL: Duration = Duration::from_secs(60 * 60);
/// A limit that nothing reaches: what waits for one fails the test first.
pub(crate) const NEVER: Duration = Duration::from_secs(600);

/// With limits that nothing reaches. Tests of limits have [`short_limits`].
pub(crate) fn config(url: &str) -> RedisConfig {
    short_limits(url).with_load_timeout(NEVER).with_save_timeout(NEVER).with_connect_timeout(NEVER)
}

/// With the limits that are the defaults.
pub(crate) fn short_limits(url: &str) -> RedisConfig {
    RedisConfig::new(url.parse().expect("a URL")).with_driver(driver())
}

/// The driver that `REDIS_DRIVER` names, or the default.
pub(crate) fn driver() -> Driver {
    let name = std::env::var("REDIS_DRIVER");
    name.map_or_else(|_| Driver::default(), |name| name.parse().expect("a driver"))
}

/// The URL of the server behind a proxy.
pub(crate) fn through(proxy: &Proxy) -> String {
    format!("redis://127.0.0.1:{}", proxy.port())
}

pub(crate) fn namespace() -> Namespace {
    Namespace::new(NAMESPACE).expect("a namespace")
}

pub(crate) fn channel() -> Channel {
    Channel::of(&namespace())
}

pub(crate) fn connected(server: &RedisServer) -> (RedisStore, RedisBus) {
    connected_by(config(&server.url()))
}

pub(crate) fn connected_by(config: RedisConfig) -> (RedisStore, RedisBus) {
    connect(config, namespace(), channel())
}

/// The Redis key of a record.
pub(crate) fn name(key: &SessionKey) -> String {
    record_key(&namespace(), key)
}

pub(crate) fn record() -> Entry {
    sealed(&Record { payload: PAYLOAD.into(), ..handstamp_testkit::record() })
}

pub(crate) const PAYLOAD: &str = "secret-payload";

/// The record after the next save.
pub(crate) fn changed(record: &Entry) -> Entry {
    handstamp_testkit::resealed(record)
}

/// A record that the store has. Where servers take each other's place or limits are short, it may take several attempts,
/// which are one create.
pub(crate) async fn created(store: &RedisStore) -> Entry {
    let record = record();
    let outcome =
        eventually("a record is created", PATIENCE, async || store.create(&record, TTL).await).await;
    assert_eq!(outcome, CreateOutcome::Created);
    record
}

/// The tombstone of a session that has ended, in the place of `record`. New for each call.
pub(crate) fn ended(record: &Entry) -> Entry {
    let revision = Revision::first().expect("random bytes");
    sealer().seal_tombstone(&Tombstone { key: *record.key(), revision, successor: None, same_subject: false })
}

/// Deletes the record, whatever it is.
pub(crate) async fn delete(store: &RedisStore, record: &Entry) -> Result<DeleteOutcome, StoreError> {
    store.delete(&ended(record), TTL, DeleteScope::All, Bytes::from_static(b"invalidation")).await
}

/// The record of the session, or its tombstone.
pub(crate) async fn found(store: &RedisStore, record: &Entry) -> Option<Stored> {
    store.load(record.key()).await.expect("load")
}

/// Whether the store has a record of the session, and not only a tombstone.
pub(crate) async fn is_there(store: &RedisStore, record: &Entry) -> bool {
    found(store, record).await.is_some_and(|stored| !stored.entry.is_tombstone())
}

/// The warnings of this crate that contain a text.
pub(crate) fn warnings(log: &Log, text: &str) -> Vec<String> {
    let mut lines = log.lines(Level::WARN, "handstamp_redis");
    lines.retain(|line| line.contains(text));
    lines
}

/// Without waiting for any limit.
pub(crate) async fn at_once<T>(done: impl Future<Output = T>) -> T {
    timeout(PATIENCE, done).await.expect("it waits for a limit")
}

/// Waits until every shard can be reached.
pub(crate) async fn until_it_serves(store: &RedisStore) {
    eventually("the store serves", PATIENCE, async || {
        let shards = store.shards().current();
        if shards.is_empty() {
            return Err("no shard is known".to_owned());
        }
        for shard in shards {
            store.ping_primary(shard).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
    .await;
}

/// The error of this crate behind one of the contracts'.
pub(crate) fn cause<E: Error + 'static>(error: &E) -> &RedisError {
    let source = error.source().expect("a source");
    source.downcast_ref().expect("an error of this crate")
}

pub(crate) async fn until_received(subscription: &mut impl Subscription, expected: &[u8]) {
    let received = async {
        while subscription.next().await.expect("message").message().is_none_or(|message| message != expected)
        {
        }
    };
    timeout(PATIENCE, received).await.expect("the message never came");
}

/// Waits until as many tasks are left as there were before.
pub(crate) async fn until_tasks_are(count: usize) {
    eventually("no task is left behind", PATIENCE, async || match tasks() {
        left if left == count => Ok(()),
        left => Err(format!("{left} tasks instead of {count}")),
    })
    .await;
}

pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until the server has as many clients of a type.
pub(crate) async fn until_clients_are(server: &RedisServer, kind: &str, count: usize) {
    eventually("clients leave", PATIENCE, async || match server.clients(kind) {
        left if left == count => Ok(()),
        left => Err(format!("{left} clients instead of {count}")),
    })
    .await;
}
