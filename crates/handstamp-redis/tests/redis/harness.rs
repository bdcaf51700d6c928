use std::error::Error;
use std::time::Duration;

use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::Record;
use handstamp_redis::{Channel, RedisBus, RedisConfig, RedisError, RedisStore, connect};
use handstamp_store::{CreateOutcome, Store, Subscription};
use handstamp_testkit::{RedisServer, eventually};
use tokio::runtime::Handle as Runtime;

pub(crate) const NAMESPACE: &str = "test:redis";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// Nothing takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::new(url.parse().expect("a URL"))
}

/// For tests that say nothing of time, on machines that are busy.
pub(crate) fn unhurried(url: &str) -> RedisConfig {
    RedisConfig {
        command_timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(3),
        ..config(url)
    }
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

/// Where a record lies.
pub(crate) fn name(key: &SessionKey) -> String {
    format!("{NAMESPACE}:s:{key}")
}

pub(crate) fn record() -> Record {
    Record { payload: PAYLOAD.into(), ..handstamp_testkit::record() }
}

pub(crate) const PAYLOAD: &str = "secret-payload";

/// The record after the next save.
pub(crate) fn changed(record: &Record) -> Record {
    Record { revision: record.revision.next().expect("random bytes"), ..record.clone() }
}

pub(crate) async fn created(store: &RedisStore) -> Record {
    let record = record();
    let outcome = store.create(&record, MINUTE).await.expect("create");
    assert_eq!(outcome, CreateOutcome::Created);
    record
}

/// Waits until every shard can be reached.
pub(crate) async fn until_it_serves(store: &RedisStore) {
    eventually("the store serves", PATIENCE, async || {
        let shards = store.shards().current();
        if shards.is_empty() {
            return Err("no shard is known".to_owned());
        }
        for shard in shards {
            store.check(shard).await.map_err(|error| error.to_string())?;
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

pub(crate) async fn until_heard(subscription: &mut impl Subscription, expected: &[u8]) {
    let heard = async {
        while subscription.next().await.expect("message").message().is_none_or(|message| message != expected)
        {
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("the message never came");
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
    Runtime::current().metrics().num_alive_tasks()
}

/// Waits until the server has as many clients of a type.
pub(crate) async fn until_clients_are(server: &RedisServer, kind: &str, count: usize) {
    eventually("clients leave", PATIENCE, async || match server.clients(kind) {
        left if left == count => Ok(()),
        left => Err(format!("{left} clients instead of {count}")),
    })
    .await;
}
