use std::collections::BTreeSet;
use std::time::Duration;

use redis::{RedisResult, ToRedisArgs, Value};

use super::RedisCluster;

/// Inspection of the nodes without the code under test, as with a [`RedisServer`](crate::RedisServer). Redirections are not
/// followed.
#[expect(clippy::must_use_candidate, reason = "some are called for their effect")]
impl RedisCluster {
    /// The reply of a node to a command.
    pub fn command(&self, index: usize, parts: &[impl ToRedisArgs]) -> Value {
        self.node(index).command(parts)
    }

    /// The reply of a node to a command.
    ///
    /// # Errors
    ///
    /// When the node returns an error or a redirection, or cannot be reached.
    pub fn try_command(&self, index: usize, parts: &[impl ToRedisArgs]) -> RedisResult<Value> {
        self.node(index).try_command(parts)
    }

    /// The keys of all primaries, in order.
    pub fn keys(&self) -> Vec<String> {
        let keys: BTreeSet<_> =
            self.primaries().into_iter().flat_map(|index| self.node(index).keys()).collect();
        keys.into_iter().collect()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.node(self.primary_of(key)).get(key)
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, bytes: &[u8], ttl: Duration) {
        self.node(self.primary_of(key)).set(key, bytes, ttl);
    }

    /// The time to live of a key; `None` if it does not expire.
    pub fn time_to_live(&self, key: &str) -> Option<Duration> {
        self.node(self.primary_of(key)).time_to_live(key)
    }
}
