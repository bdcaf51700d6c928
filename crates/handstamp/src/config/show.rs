use std::fmt;

use super::Config;

/// Shows no secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("session_secret", &self.session_secret.as_ref().map(|_| ".."))
            .field("session_index_secret", &self.session_index_secret.as_ref().map(|_| ".."))
            .field("redis", &self.redis)
            .field("node_id", &self.node_id)
            .field("session_timeout", &self.session_timeout)
            .field("session_lifetime", &self.session_lifetime)
            .field("session_namespace", &self.session_namespace)
            .field("session_channel", &self.session_channel)
            .finish_non_exhaustive()
    }
}
