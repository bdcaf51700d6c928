//! Clients that send the same commands: the bare libraries, and the store of handstamp on each of them.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::{Config, ConnectionConfig, TcpConfig};
use fred::types::{ClusterHash, CustomCommand, Expiration, Resp3Frame, Value};
use fred::util::sha1_hash;
use futures_util::future::try_join;
use handstamp_core::id::Namespace;
use handstamp_core::record::Entry;
use handstamp_redis::{Channel, Driver, RedisConfig, RedisStore, connect, record_key};
use handstamp_store::{Records, SaveOutcome};
use handstamp_testkit::redis::aio::MultiplexedConnection;
use handstamp_testkit::{eventually, record, redis, resealed, sealed};

/// Two revisions of a record, the first of which is stored. Saves alternate between them, so that sealing is no part of what is measured.
pub(crate) type Revisions = [Entry; 2];

/// A client. Clones share its connection.
#[derive(Clone)]
pub(crate) enum Contestant {
    BareFred(Client),
    BareRedisRs(MultiplexedConnection),
    Ours(RedisStore),
}

impl Contestant {
    /// fred by itself. Its default is Nagle's algorithm; `nodelay` turns that off, as handstamp does.
    pub(crate) async fn bare_fred(url: &str, nodelay: bool) -> Self {
        let tcp = TcpConfig { nodelay: Some(nodelay), ..TcpConfig::default() };
        let connection = ConnectionConfig { tcp, ..ConnectionConfig::default() };
        let client = Client::new(Config::from_url(url).expect("a URL"), None, Some(connection), None);
        // Its task ends with the process.
        let _driver = client.init().await.expect("a connection");
        Self::BareFred(client)
    }

    /// redis-rs by itself.
    pub(crate) async fn bare_redis_rs(url: &str) -> Self {
        let client = redis::Client::open(url).expect("a URL");
        Self::BareRedisRs(client.get_multiplexed_async_connection().await.expect("a connection"))
    }

    /// The store of handstamp on this driver.
    pub(crate) async fn ours(url: &str, driver: Driver) -> Self {
        let config = RedisConfig::new(url.parse().expect("a URL"))
            .with_driver(driver)
            // Slow commands on a busy machine shall count, and not fail.
            .with_load_timeout(PATIENCE)
            .with_save_timeout(PATIENCE);
        let (store, _bus) = connect(config, Namespace::default(), channel());
        eventually("the store serves", PATIENCE, async || {
            let created = store.create(&sealed(&record()), HOUR).await;
            created.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
        let ours = Self::Ours(store);
        for revisions in created(&ours, 1).await {
            // From here on, the server knows the script.
            ours.clone().save(revisions).await;
        }
        ours
    }

    /// Loads the record.
    pub(crate) async fn load(self, revisions: Revisions) -> Revisions {
        let [record, _] = &revisions;
        match self {
            Self::BareFred(client) => {
                let name = name(record);
                let replies = try_join(client.get(name.as_str()), client.pttl(name.as_str()));
                let (_, _): (Bytes, i64) = replies.await.expect("a reply");
            }
            Self::BareRedisRs(mut connection) => {
                let name = name(record);
                let mut pipeline = redis::pipe();
                pipeline.get(&name).pttl(&name);
                let (_, _): (Vec<u8>, i64) = pipeline.query_async(&mut connection).await.expect("a reply");
            }
            Self::Ours(store) => _ = store.load(record.key()).await.expect("a reply").expect("the record"),
        }
        revisions
    }

    /// Replaces the revision that is stored by the other one.
    pub(crate) async fn save(self, [record, next]: Revisions) -> Revisions {
        match self {
            Self::BareFred(client) => {
                let evalsha = CustomCommand::new_static("EVALSHA", ClusterHash::FirstKey, false);
                let arguments = arguments_of_save(&record, &next).map(Value::Bytes).to_vec();
                let reply = client.custom_raw(evalsha, arguments).await.expect("a reply");
                assert!(matches!(reply, Resp3Frame::Number { data: 1, .. }), "{reply:?}");
            }
            Self::BareRedisRs(mut connection) => {
                let mut evalsha = redis::cmd("EVALSHA");
                arguments_of_save(&record, &next).iter().for_each(|argument| {
                    evalsha.arg(&argument[..]);
                });
                assert_eq!(evalsha.query_async::<i64>(&mut connection).await, Ok(1));
            }
            Self::Ours(store) => {
                let saved = store.save(&next, record.revision(), HOUR, INVALIDATION).await;
                assert_eq!(saved.expect("a reply"), SaveOutcome::Saved);
            }
        }
        [next, record]
    }

    /// What a client would do that neither compares nor publishes: `SET`, with as many bytes as a save. Only the bare libraries can.
    pub(crate) async fn set(self, revisions: Revisions) -> Revisions {
        let [record, _] = &revisions;
        let key = format!("plain:{}", name(record));
        match self {
            Self::BareFred(client) => {
                let expiration = Some(Expiration::PX(3_600_000));
                let set = client.set::<(), _, _>(key, record.bytes().clone(), expiration, None, false);
                set.await.expect("a reply");
            }
            Self::BareRedisRs(mut connection) => {
                let mut set = redis::cmd("SET");
                set.arg(key).arg(&record.bytes()[..]).arg("PX").arg(3_600_000);
                set.exec_async(&mut connection).await.expect("a reply");
            }
            Self::Ours(_) => unreachable!("a store compares"),
        }
        revisions
    }
}

/// The CPU time that the server has used so far, in microseconds.
pub(crate) async fn cpu_of_server(redis_rs: &Contestant) -> f64 {
    let Contestant::BareRedisRs(connection) = redis_rs else { unreachable!("only redis-rs sends INFO") };
    let info: redis::InfoDict =
        redis::cmd("INFO").arg("cpu").query_async(&mut connection.clone()).await.expect("a reply");
    let seconds = |name| info.get::<f64>(name).expect("a number");
    (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1e6
}

/// New records in the store.
pub(crate) async fn created(ours: &Contestant, count: usize) -> Vec<Revisions> {
    let Contestant::Ours(store) = ours else { unreachable!("only stores create") };
    let mut records = Vec::new();
    for _ in 0..count {
        let record = sealed(&record());
        let _ = store.create(&record, HOUR).await.expect("a reply");
        let next = resealed(&record);
        records.push([record, next]);
    }
    records
}

/// Those that the store sends.
fn arguments_of_save(record: &Entry, next: &Entry) -> [Bytes; 9] {
    [
        SCRIPT.clone(),
        Bytes::from_static(b"1"),
        name(record).into(),
        Bytes::copy_from_slice(&record.revision().to_bytes()),
        Bytes::copy_from_slice(&next.revision().to_bytes()),
        next.bytes().clone(),
        Bytes::from_static(b"3600000"),
        CHANNEL.clone(),
        INVALIDATION,
    ]
}

fn name(record: &Entry) -> String {
    record_key(&Namespace::default(), record.key())
}

fn channel() -> Channel {
    Channel::of(&Namespace::default())
}

static SCRIPT: LazyLock<Bytes> =
    LazyLock::new(|| sha1_hash(include_str!("../../src/scripts/save.lua")).into());
static CHANNEL: LazyLock<Bytes> = LazyLock::new(|| channel().as_str().to_owned().into());
/// As long as the real ones.
const INVALIDATION: Bytes = Bytes::from_static(&[7; 110]);
const HOUR: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(10);
