use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::id::Namespace;
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::Record;
use handstamp_redis::{Channel, RedisConfig, connect};
use handstamp_store::{
    CacheEntry, Clock, ClusteredStore, CreateOutcome, Decoded, Loaded, NodeSettings, StoreError, SystemClock,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::reader::{Reader, Reads};
use crate::server::Server;

/// Nodes that read cached sessions until this value is dropped.
pub(crate) struct Fleet {
    nodes: Vec<Arc<ClusteredStore>>,
    reads: Arc<Reads>,
    _readers: JoinSet<()>,
}

impl Fleet {
    pub(crate) async fn start(server: &Server, count: usize) -> Self {
        let secret = Secret::parse(&secret()).expect("a secret");
        let ring = KeyRing::new(Namespace::default(), &[secret]).expect("a key ring");
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(Arc::new(start_node(server, &ring, number)));
            // Spreads the periodic work of the nodes over time.
            sleep(Duration::from_millis(500) / u32::try_from(count).expect("a small number")).await;
        }
        join_all(nodes.iter().map(|node| node.wait_until_ready())).await;
        let keys: Arc<[_]> = join_all((0..SESSIONS).map(|_| create(&nodes[0]))).await.into();
        let reads = Arc::new(Reads::default());
        let mut readers = JoinSet::new();
        for node in &nodes {
            for _ in 0..READERS {
                let reader = Reader { node: node.clone(), keys: keys.clone(), reads: reads.clone() };
                readers.spawn(reader.run(PAUSE));
            }
        }
        let fleet = Self { nodes, reads, _readers: readers };
        fleet.reads.until_calm().await;
        fleet
    }

    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    pub(crate) fn clears(&self) -> u64 {
        self.nodes.iter().map(|node| node.bus_stats().clears).sum()
    }

    /// Reads per second.
    pub(crate) fn rate(&self) -> usize {
        self.nodes.len() * READERS * 1_000 / usize::try_from(PAUSE.as_millis()).expect("a small number")
    }
}

fn start_node(server: &Server, ring: &KeyRing, number: usize) -> ClusteredStore {
    let config = RedisConfig::new(server.url().parse().expect("a URL"));
    let namespace = ring.namespace().clone();
    let (store, bus) = connect(config, namespace.clone(), Channel::of(&namespace));
    let name = NodeId::new(&format!("node-{number}")).expect("a name");
    // So long that no entry becomes stale meanwhile.
    let settings = NodeSettings::default().with_cache_ttl(DAY);
    ClusteredStore::start(store, bus, ring, name, Arc::new(SystemClock), settings)
}

async fn create(node: &ClusteredStore) -> handstamp_core::id::SessionKey {
    let now = SystemClock.timestamp();
    let record =
        Record { created_at: now, expires_at: now.saturating_add(DAY), ..handstamp_testkit::record() };
    let created = node.writes().create(&record, DAY, entry(&record)).await.expect("create");
    assert_eq!(created, CreateOutcome::Created);
    record.key
}

/// Sessions are cached as their records.
#[expect(clippy::needless_pass_by_value, reason = "the signature is given by the store")]
pub(crate) fn decode(loaded: Loaded) -> Result<Decoded<Record>, StoreError> {
    let left = loaded.remaining.unwrap_or_default();
    Ok(Decoded::Session { entry: entry(&loaded.record), left })
}

fn entry(record: &Record) -> CacheEntry<Record> {
    CacheEntry::new(record.clone(), record.payload.len())
}

fn secret() -> String {
    (0..64).map(|_| fastrand::alphanumeric()).collect()
}

/// The number of sessions in the cache of every node.
pub(crate) const SESSIONS: usize = 100;
/// The number of concurrent requests of a node.
const READERS: usize = 4;
/// The pause between two reads of a reader.
const PAUSE: Duration = Duration::from_millis(20);
const DAY: Duration = Duration::from_secs(86_400);
