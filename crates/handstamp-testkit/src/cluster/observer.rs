use std::collections::BTreeSet;
use std::time::Duration;

use redis::{RedisResult, ToRedisArgs, Value};

use super::RedisCluster;

/// As with a [`RedisServer`](crate::RedisServer): a look into the nodes, which does not go through the code under
/// test. Nothing here follows a redirection.
#[expect(clippy::must_use_candidate, reason = "some are called for what they do")]
impl RedisCluster {
    /// The answer of a node to a command.
    pub fn command(&self, index: usize, parts: &[impl ToRedisArgs]) -> Value {
        self.node(index).command(parts)
    }

    /// The answer of a node to a command, or why there is none.
    ///
    /// # Errors
    ///
    /// When the node refuses or redirects, or cannot be reached.
    pub fn try_command(&self, index: usize, parts: &[impl ToRedisArgs]) -> RedisResult<Value> {
        self.node(index).try_command(parts)
    }

    /// The keys of all primaries, in order.
    pub fn keys(&self) -> Vec<String> {
        let keys: BTreeSet<_> =
            self.primaries().into_iter().flat_map(|index| self.node(index).keys()).collect();
        keys.into_iter().collect()
    }

    /// The bytes under a key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.node(self.primary_of(key)).get(key)
    }

    /// Puts bytes under a key.
    pub fn set(&self, key: &str, bytes: &[u8], ttl: Duration) {
        self.node(self.primary_of(key)).set(key, bytes, ttl);
    }

    /// How long a key has to live: `None` if it has no limit.
    pub fn time_to_live(&self, key: &str) -> Option<Duration> {
        self.node(self.primary_of(key)).time_to_live(key)
    }
}
