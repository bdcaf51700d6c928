//! How long other nodes keep an outdated copy: a save on one node until the entry is gone on another, against a bare `PUBLISH` until a bare
//! subscriber has the message.
//!
//! `cargo bench --package handstamp-redis --features redis-rs --bench invalidation` runs it. All take turns, one message at a time.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

mod median;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::Config;
use handstamp_core::cache::CachedSession;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Record, Revision};
use handstamp_redis::{Channel, Driver, RedisConfig, connect};
use handstamp_store::{
    CacheEntry, ClusteredStore, Decoded, Loaded, NodeSettings, SaveOutcome, StoreError, SystemClock,
};
use handstamp_testkit::redis::AsyncConnectionConfig;
use handstamp_testkit::redis::aio::MultiplexedConnection;
use handstamp_testkit::{RedisServer, record, redis};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::median::median;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = RedisServer::start().await;
        let mut fred = BareFred::start(&server.url()).await;
        let mut redis_rs = BareRedisRs::start(&server.url()).await;
        let mut nodes_on_fred = Nodes::start(&server.url(), Driver::Fred).await;
        let mut nodes_on_redis_rs = Nodes::start(&server.url(), Driver::RedisRs).await;
        let mut figures = [const { Figures { from_start: Vec::new(), from_reply: Vec::new() } }; 4];
        for _ in 0..ROUNDS {
            figures[0].add(fred.publish().await);
            figures[1].add(nodes_on_fred.save().await);
            figures[2].add(redis_rs.publish().await);
            figures[3].add(nodes_on_redis_rs.save().await);
        }
        println!(
            "Microseconds until the message is there, from the start of the command and from its reply."
        );
        println!(
            "{:28} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}",
            "", "start p50", "p99", "reply p50", "p99", "p50 of", "p99 of"
        );
        for (title, own, base) in [
            ("fred: PUBLISH", 0, 0),
            ("nodes on fred", 1, 0),
            ("redis-rs: PUBLISH", 2, 2),
            ("nodes on redis-rs", 3, 2),
        ] {
            let [p50, p99] = percentiles(&figures[own].from_start);
            let [after_p50, after_p99] = percentiles(&figures[own].from_reply);
            let [base_p50, base_p99] = percentiles(&figures[base].from_start);
            println!(
                "{title:28} {p50:>9.1} {p99:>9.1} {after_p50:>9.1} {after_p99:>9.1} {:>7.2} {:>7.2}",
                p50 / base_p50,
                p99 / base_p99
            );
        }
    });
    Ok(())
}

/// When a command was begun, when its reply had arrived, and when the message had its effect.
type Times = [Instant; 3];

struct Figures {
    from_start: Vec<f64>,
    from_reply: Vec<f64>,
}

impl Figures {
    fn add(&mut self, [begun, replied, arrived]: Times) {
        self.from_start.push((arrived - begun).as_secs_f64() * 1e6);
        // A message may arrive before the reply.
        self.from_reply.push(arrived.saturating_duration_since(replied).as_secs_f64() * 1e6);
    }
}

fn percentiles(times: &[f64]) -> [f64; 2] {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    [median(sorted.clone()), sorted[sorted.len() * 99 / 100]]
}

struct BareFred {
    publisher: Client,
    arrivals: UnboundedReceiver<Instant>,
}

impl BareFred {
    async fn start(url: &str) -> Self {
        let client = async || {
            let client = Client::new(Config::from_url(url).expect("a URL"), None, None, None);
            client.init().await.expect("a connection");
            client
        };
        let (publisher, subscriber) = (client().await, client().await);
        let (sender, arrivals) = unbounded_channel();
        let mut messages = subscriber.message_rx();
        subscriber.subscribe(CHANNELS[0]).await.expect("a subscription");
        // Its reply is behind that to the subscription.
        subscriber.ping::<()>(None).await.expect("a reply");
        tokio::spawn(async move {
            let _subscriber = subscriber;
            while messages.recv().await.is_ok() {
                let _ = sender.send(now());
            }
        });
        Self { publisher, arrivals }
    }

    async fn publish(&mut self) -> Times {
        let begun = now();
        self.publisher.publish::<(), _, _>(CHANNELS[0], MESSAGE).await.expect("a reply");
        let replied = now();
        [begun, replied, self.arrivals.recv().await.expect("a message")]
    }
}

struct BareRedisRs {
    publisher: MultiplexedConnection,
    arrivals: UnboundedReceiver<Instant>,
}

impl BareRedisRs {
    async fn start(url: &str) -> Self {
        let client = redis::Client::open(format!("{url}/?protocol=resp3")).expect("a URL");
        let publisher = client.get_multiplexed_async_connection().await.expect("a connection");
        let (push_sender, mut messages) = unbounded_channel::<redis::PushInfo>();
        let config = AsyncConnectionConfig::new().set_push_sender(push_sender);
        let subscriber = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut subscriber = subscriber.expect("a connection");
        subscriber.subscribe(CHANNELS[1]).await.expect("a subscription");
        let (sender, arrivals) = unbounded_channel();
        tokio::spawn(async move {
            let _subscriber = subscriber;
            while let Some(message) = messages.recv().await {
                if message.kind == redis::PushKind::Message {
                    let _ = sender.send(now());
                }
            }
        });
        Self { publisher, arrivals }
    }

    async fn publish(&mut self) -> Times {
        let begun = now();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNELS[1]).arg(&MESSAGE[..]).exec_async(&mut self.publisher).await.expect("a reply");
        let replied = now();
        [begun, replied, self.arrivals.recv().await.expect("a message")]
    }
}

/// Two nodes, of which one saves what the other one has cached.
struct Nodes {
    saver: ClusteredStore,
    reader: ClusteredStore,
    record: Record,
    departures: UnboundedReceiver<Instant>,
    sender: UnboundedSender<Instant>,
}

impl Nodes {
    async fn start(url: &str, driver: Driver) -> Self {
        let namespace = Namespace::new(&driver.to_string()).expect("a namespace");
        let secret = Secret::generate().expect("a secret");
        let ring = KeyRing::new(namespace.clone(), &[secret]).expect("keys");
        let node = |name| {
            let config = RedisConfig::new(url.parse().expect("a URL")).with_driver(driver);
            let (store, bus) = connect(config, namespace.clone(), Channel::of(&namespace));
            let (name, settings) = (NodeId::new(name).expect("a name"), NodeSettings::default());
            ClusteredStore::start(store, bus, &ring, name, Arc::new(SystemClock), settings)
        };
        let (saver, reader) = (node("saver"), node("reader"));
        saver.wait_until_ready().await;
        reader.wait_until_ready().await;
        let (record, (sender, departures)) = (record(), unbounded_channel());
        let entry = entry(&record);
        let _ = saver.writes().create(&record, HOUR, entry).await.expect("a reply");
        Self { saver, reader, record, departures, sender }
    }

    async fn save(&mut self) -> Times {
        let sender = self.sender.clone();
        let decode = move |loaded: Loaded| -> Result<Decoded<Witness>, StoreError> {
            let witness = Witness { record: loaded.record, departures: Some(sender.clone()) };
            let entry = CacheEntry::new(witness, SIZE);
            Ok(Decoded::Session { entry, left: HOUR })
        };
        drop(self.reader.load(&self.record.key, decode).await.expect("a reply"));
        let revision = self.record.revision.next(self.record.saved_at);
        let next = Record { revision, ..self.record.clone() };
        let entry = entry(&next);
        let begun = now();
        let saved = self.saver.writes().save(&next, self.record.revision, HOUR, entry).await;
        let replied = now();
        assert_eq!(saved.expect("a reply"), SaveOutcome::Saved);
        self.record = next;
        [begun, replied, self.departures.recv().await.expect("an entry that goes")]
    }
}

fn entry(record: &Record) -> CacheEntry<Witness> {
    CacheEntry::new(Witness { record: record.clone(), departures: None }, SIZE)
}

/// A cached value that reports when it is dropped.
struct Witness {
    record: Record,
    departures: Option<UnboundedSender<Instant>>,
}

impl CachedSession for Witness {
    fn key(&self) -> &SessionKey {
        &self.record.key
    }

    fn revision(&self) -> Revision {
        self.record.revision
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(sender) = &self.departures {
            let _ = sender.send(now());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Of each of the bare clients.
const CHANNELS: [&str; 2] = ["fred", "redis-rs"];
/// As long as a real one.
const MESSAGE: Bytes = Bytes::from_static(&[7; 110]);
/// The bytes that a value is said to take.
const SIZE: usize = 500;
const ROUNDS: usize = 5_000;
const HOUR: Duration = Duration::from_secs(3_600);
