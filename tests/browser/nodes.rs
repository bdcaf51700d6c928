use std::collections::BTreeMap;

use handstamp_testkit::{NodeProcess, RedisServer, random_secret, reference_node, until};

/// Reference nodes with their own Redis.
#[derive(Debug)]
pub(crate) struct Nodes {
    redis: RedisServer,
    processes: Vec<NodeProcess>,
}

impl Nodes {
    /// Starts three nodes.
    pub(crate) async fn start() -> Self {
        let redis = RedisServer::start().await;
        let settings = settings(&redis);
        let mut processes = Vec::new();
        for name in ["node-1", "node-2", "node-3"] {
            let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
            processes.push(NodeProcess::start(reference_node(), settings.chain([("NODE_ID", name)])).await);
        }
        Self { redis, processes }
    }

    /// The addresses of the nodes: `address:port`.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = String> {
        self.processes.iter().map(|node| format!("127.0.0.1:{}", node.port()))
    }

    /// The keys of records, without tombstones.
    pub(crate) fn records(&self) -> Vec<String> {
        let is_record = |key: &String| self.redis.get(key).is_some_and(|bytes| bytes.starts_with(b"hs"));
        self.redis.keys().into_iter().filter(is_record).collect()
    }

    /// Restarts the count of loads.
    pub(crate) fn count_loads(&self) {
        self.redis.log_commands();
    }

    /// Waits until the nodes have loaded `times` sessions since [`count_loads`](Self::count_loads).
    pub(crate) async fn until_loaded(&self, times: usize) {
        until("the nodes have loaded the session", async || {
            let loads = self.redis.logged_commands().into_iter().filter(|command| is_load(command));
            loads.count() >= times
        })
        .await;
    }
}

/// The settings that all nodes of a test share.
pub(crate) fn settings(redis: &RedisServer) -> BTreeMap<&'static str, String> {
    [
        ("REDIS_URL", redis.url()),
        ("SESSION_SECRET", random_secret()),
        // Long, because a busy machine is slow.
        ("SESSION_LOAD_BUDGET", "30s".to_owned()),
        ("SESSION_SAVE_BUDGET", "30s".to_owned()),
        ("SESSION_INSECURE_PLAIN_HTTP", "true".to_owned()),
    ]
    .into()
}

fn is_load(command: &[String]) -> bool {
    matches!(command, [name, key] if name == "GET" && key.starts_with("handstamp:s:"))
}
