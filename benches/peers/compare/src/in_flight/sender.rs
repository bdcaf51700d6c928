use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::Config;
use fred::types::{ClusterHash, CustomCommand, Expiration, Resp3Frame, Value};
use fred::util::sha1_hash;
use futures_util::future::try_join;
use handstamp_core::id::Namespace;
use handstamp_core::record::Entry;
use handstamp_redis::{Channel, Driver, RedisConfig, RedisStore, connect, record_key};
use handstamp_store::{Records, SaveOutcome};
use handstamp_testkit::{eventually, record, sealed};
use subjects::Error;

/// A client of Redis.
pub(super) enum Sender {
    Store(RedisStore),
    /// Sends the commands of the store: the script, or `GET` and `PTTL`.
    SameCommands(Bare),
    /// Sends commands without any care for times to live and other nodes: `GET`, or `SET`.
    Plain(Bare),
}

/// A fred client without handstamp.
pub(super) struct Bare {
    client: Client,
    namespace: Namespace,
    channel: String,
    /// The hash of the script that saves.
    script: String,
}

impl Sender {
    /// All of them, with their names.
    pub(super) async fn all(url: &str) -> Result<Vec<(&'static str, Arc<Self>)>, Error> {
        let senders = [
            (FRED, Self::Store(store(url, Driver::Fred).await?)),
            (REDIS_RS, Self::Store(store(url, Driver::RedisRs).await?)),
            (BARE_FRED, Self::SameCommands(Bare::connect(url).await?)),
            ("bare fred, GET or SET", Self::Plain(Bare::connect(url).await?)),
        ];
        Ok(senders.map(|(name, sender)| (name, Arc::new(sender))).into())
    }

    pub(super) async fn create(&self, entry: &Entry) -> Result<(), Error> {
        match self {
            Self::Store(store) => {
                let _ = store.create(entry, HOUR).await?;
            }
            Self::SameCommands(bare) | Self::Plain(bare) => bare.set(entry).await?,
        }
        Ok(())
    }

    pub(super) async fn load(&self, entry: &Entry) -> Result<(), Error> {
        match self {
            Self::Store(store) => {
                store.load(entry.key()).await?.ok_or("there is no record")?;
            }
            Self::SameCommands(bare) => {
                let key = bare.key(entry);
                let replies = try_join(bare.client.get(key.as_str()), bare.client.pttl(key.as_str()));
                let (_, _): (Bytes, i64) = replies.await?;
            }
            Self::Plain(bare) => {
                let _: Bytes = bare.client.get(bare.key(entry)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn save(&self, next: &Entry, present: &Entry) -> Result<(), Error> {
        let saved = match self {
            Self::Store(store) => {
                let saved = store.save(next, present.revision(), HOUR, INVALIDATION).await?;
                saved == SaveOutcome::Saved
            }
            Self::SameCommands(bare) => bare.run_script(next, present).await?,
            Self::Plain(bare) => {
                bare.set(next).await?;
                true
            }
        };
        if saved { Ok(()) } else { Err("a record was not saved".into()) }
    }
}

impl Bare {
    async fn connect(url: &str) -> Result<Self, Error> {
        let client = Client::new(Config::from_url(url)?, None, None, None);
        client.init().await?;
        let namespace = Namespace::default();
        let channel = Channel::of(&namespace).as_str().to_owned();
        Ok(Self { client, namespace, channel, script: sha1_hash(SCRIPT) })
    }

    fn key(&self, entry: &Entry) -> String {
        record_key(&self.namespace, entry.key())
    }

    async fn set(&self, entry: &Entry) -> Result<(), Error> {
        let expiration = Some(Expiration::PX(MILLISECONDS));
        Ok(self.client.set(self.key(entry), entry.bytes().clone(), expiration, None, false).await?)
    }

    /// The stores have loaded it.
    async fn run_script(&self, next: &Entry, present: &Entry) -> Result<bool, Error> {
        let evalsha = CustomCommand::new_static("EVALSHA", ClusterHash::FirstKey, false);
        let arguments: Vec<Value> = vec![
            self.script.clone().into(),
            "1".into(),
            self.key(next).into(),
            Value::Bytes(Bytes::copy_from_slice(&present.revision().to_bytes())),
            Value::Bytes(Bytes::copy_from_slice(&next.revision().to_bytes())),
            Value::Bytes(next.bytes().clone()),
            MILLISECONDS.to_string().into(),
            self.channel.clone().into(),
            Value::Bytes(INVALIDATION),
        ];
        let reply = self.client.custom_raw(evalsha, arguments).await?;
        Ok(matches!(reply, Resp3Frame::Number { data: 1, .. }))
    }
}

/// A store that has saved once, so that the server knows its script.
async fn store(url: &str, driver: Driver) -> Result<RedisStore, Error> {
    let config = RedisConfig::new(url.parse()?)
        .with_driver(driver)
        // Slow commands on a busy machine shall count, and not fail.
        .with_load_timeout(PATIENCE)
        .with_save_timeout(PATIENCE);
    let namespace = Namespace::default();
    let (store, _bus) = connect(config, namespace.clone(), Channel::of(&namespace));
    let entry = sealed(&record());
    eventually("the store serves", PATIENCE, async || {
        store.create(&entry, HOUR).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let next = handstamp_testkit::resealed(&entry);
    let _ = store.save(&next, entry.revision(), HOUR, INVALIDATION).await?;
    Ok(store)
}

pub(crate) const FRED: &str = "handstamp, fred";
pub(crate) const REDIS_RS: &str = "handstamp, redis-rs";
pub(crate) const BARE_FRED: &str = "bare fred, the same commands";
const SCRIPT: &str = include_str!("../../../../../crates/handstamp-redis/src/scripts/save.lua");
/// As long as the real ones.
const INVALIDATION: Bytes = Bytes::from_static(&[7; 110]);
const PATIENCE: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3_600);
const MILLISECONDS: i64 = 3_600_000;
