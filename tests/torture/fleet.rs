use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use handstamp_core::id::Namespace;
use handstamp_core::invalidation::{Invalidation, InvalidationCodec, NodeId};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_store::{Clock, SystemClock};
use handstamp_testkit::{NodeProcess, seeded_secret};
use tokio::time::{Instant, sleep};

use crate::arguments::{Outage, Topology, With};
use crate::node;
use crate::servers::Servers;
use crate::slots::SessionFinder;

pub(crate) const NODES: usize = 3;

/// Three nodes, and the servers that store their sessions.
pub(crate) struct Fleet {
    // Dropped before the servers that they are connected to.
    nodes: Vec<NodeProcess>,
    pub(crate) servers: Servers,
    addresses: [Address; NODES],
    codec: InvalidationCodec,
    logs: PathBuf,
    /// The file exists while the second secret signs.
    rotation: PathBuf,
}

/// The address of a node, and the number of its restarts.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) base_url: String,
    /// Odd while there is no process.
    generation: Arc<AtomicU32>,
}

impl Address {
    /// Identifies the process of the node. `None` while there is none.
    pub(crate) fn process(&self) -> Option<u32> {
        let generation = self.generation.load(Ordering::SeqCst);
        generation.is_multiple_of(2).then_some(generation)
    }

    fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Fleet {
    /// Starts servers and nodes. Every topology and seed has its own directory for logs.
    pub(crate) async fn start(topology: Topology, outage: Outage, with: With, seed: u64) -> Self {
        let servers = Servers::start(topology).await;
        let logs = sibling(&format!("torture-logs-{topology:?}-{seed}").to_lowercase());
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).expect("a directory for the logs");
        let rotation = logs.join("rotated");
        let program = std::env::current_exe().expect("the path of this program");
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let mut settings = settings(number, outage, &rotation);
            settings.extend(servers.settings(number));
            settings.extend(match with {
                With::Nothing => None,
                With::Tracking => Some(("REDIS_INVALIDATION", "tracking".to_owned())),
                With::Replicas => Some(("REDIS_READ_FROM", "replica".to_owned())),
            });
            nodes.push(NodeProcess::start(&program, settings).await);
        }
        let addresses = std::array::from_fn(|node| Address {
            base_url: nodes[node].base_url(),
            generation: Arc::default(),
        });
        let codec = InvalidationCodec::new(&key_ring(), NodeId::new("torture").expect("a name"));
        Self { nodes, servers, addresses, codec, logs, rotation }
    }

    pub(crate) fn addresses(&self) -> [Address; NODES] {
        self.addresses.clone()
    }

    /// The directory of [`save_log`](Self::save_log).
    pub(crate) fn logs(&self) -> &PathBuf {
        &self.logs
    }

    pub(crate) fn kill_node(&mut self, node: usize) {
        self.addresses[node].next_generation();
        self.nodes[node].kill();
        self.save_log(node);
    }

    pub(crate) async fn restart_node(&mut self, node: usize) {
        self.nodes[node].restart().await;
        self.addresses[node].next_generation();
    }

    /// Makes nodes sign with the other secret after their next start.
    pub(crate) fn rotate_secret(&self) {
        if self.rotation.exists() {
            std::fs::remove_file(&self.rotation).expect("the file can be removed");
        } else {
            std::fs::write(&self.rotation, "").expect("the file can be written");
        }
    }

    pub(crate) fn pause_node(&self, node: usize) {
        self.nodes[node].pause();
    }

    pub(crate) fn resume_node(&self, node: usize) {
        self.nodes[node].resume();
    }

    /// Clears the caches of all nodes by a message, as another node would.
    pub(crate) fn clear_all_caches(&self) {
        let message = self.codec.encode(&Invalidation::CacheClear, SystemClock.timestamp());
        self.servers.publish(CHANNEL, &message);
    }

    /// The nodes that are not healthy within `limit`.
    pub(crate) async fn unhealthy(&self, limit: Duration) -> Vec<usize> {
        let client = reqwest::Client::builder().timeout(limit).build().expect("an HTTP client");
        let deadline = Instant::now() + limit;
        loop {
            let is_last = Instant::now() >= deadline;
            let mut unhealthy = Vec::new();
            for (number, address) in self.addresses.iter().enumerate() {
                let health = client.get(format!("{}/health", address.base_url)).send().await;
                if !health.is_ok_and(|response| response.status().is_success()) {
                    unhealthy.push(number);
                }
            }
            if unhealthy.is_empty() || is_last {
                return unhealthy;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Saves the output of a node's process.
    pub(crate) fn save_log(&self, node: usize) {
        let generation = self.addresses[node].generation.load(Ordering::SeqCst) / 2;
        let path = self.logs.join(format!("node-{node}.{generation}.log"));
        std::fs::write(path, self.nodes[node].output()).expect("the log can be written");
    }
}

fn settings(number: usize, outage: Outage, rotation: &Path) -> BTreeMap<&'static str, String> {
    let (outage, cache_ttl) = match outage {
        Outage::ServeStale => ("serve-stale", SERVED_FOR),
        Outage::Fail => ("fail", Duration::from_secs(30)),
    };
    [
        (node::ROTATION, rotation.display().to_string()),
        ("NODE_ID", format!("node-{number}")),
        ("SESSION_SECRET", SECRETS.join(",")),
        ("SESSION_CHANNEL", CHANNEL.to_owned()),
        ("SESSION_NAMESPACE", NAMESPACE.to_owned()),
        ("SESSION_OUTAGE", outage.to_owned()),
        ("LOCAL_CACHE_MAX_STALENESS", format!("{}ms", MAX_STALENESS.as_millis())),
        ("LOCAL_CACHE_TTL", format!("{}ms", cache_ttl.as_millis())),
        ("RUST_LOG", "info,handstamp=debug,handstamp_store=debug,handstamp_redis=debug".to_owned()),
    ]
    .into()
}

fn key_ring() -> KeyRing {
    let namespace = Namespace::new(NAMESPACE).expect("a namespace");
    let secrets = SECRETS.each_ref().map(|secret| Secret::parse(secret).expect("a secret"));
    KeyRing::new(namespace, &secrets).expect("a key ring")
}

/// Finds the sessions of the nodes' cookies.
pub(crate) fn finder() -> SessionFinder {
    SessionFinder::new(key_ring())
}

/// A path in the directory of this program.
fn sibling(name: &str) -> PathBuf {
    std::env::current_exe().expect("the path of this program").with_file_name(name)
}

/// Nodes always have both secrets, and sign with one of them.
static SECRETS: LazyLock<[String; 2]> = LazyLock::new(|| ["one", "other"].map(seeded_secret));
const NAMESPACE: &str = "handstamp";
pub(crate) const CHANNEL: &str = "handstamp:invalidate";

pub(crate) const MAX_STALENESS: Duration = Duration::from_secs(2);

/// How long a node that cannot reach Redis serves cached sessions, if it does. Shorter than by default, so that sessions in this test
/// live long enough to reach the end of it.
pub(crate) const SERVED_FOR: Duration = Duration::from_secs(6);
