use std::time::Duration;

use handstamp_core::record::Encoding;
use zeroize::Zeroizing;

use super::secret::random_secret;
use super::{Config, error};
use crate::OutagePolicy;
use crate::outage::OutageSetting;

impl Config {
    /// The secret that signs cookies, or several, comma-separated: the first signs, all verify. See [the secret](Self#the-secret).
    #[must_use]
    pub fn session_secret(mut self, secrets: impl Into<String>) -> Self {
        self.session_secret = Some(Zeroizing::new(secrets.into()));
        self
    }

    /// One secret that never changes, for the hash slot of a subject's sessions. See [the index secret](Self#the-index-secret).
    #[must_use]
    pub fn session_index_secret(mut self, secret: impl Into<String>) -> Self {
        self.session_index_secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// Whether these settings name one or several Redis servers, or try to with a variable such as `REDIS_HOST`, which
    /// [`Sessions::start`](crate::Sessions::start) rejects. Otherwise sessions are kept in memory.
    #[must_use]
    pub fn uses_redis(&self) -> bool {
        self.redis.names_servers() || !self.redis.misnamed().is_empty()
    }

    /// Generates a random secret, unless one is set. Sessions then end with this process; clones of these settings share the secret, and with
    /// it their sessions.
    #[must_use]
    pub fn secret_or_random(mut self) -> Self {
        if self.session_secret.is_none() {
            match random_secret() {
                Ok(secret) => self.session_secret = Some(secret),
                Err(error) => self.problems.push(error::Problem::new("SESSION_SECRET", error)),
            }
        }
        self
    }

    /// The namespace of this program if neither `SESSION_NAMESPACE` nor [`session_namespace`](Self::session_namespace) sets one.
    ///
    /// Programs that share a Redis and a secret accept each other's sessions unless their namespaces differ.
    #[must_use]
    pub fn namespace_or(mut self, namespace: impl Into<String>) -> Self {
        self.session_namespace.get_or_insert_with(|| namespace.into());
        self
    }

    /// The name of this node: at most 90 visible ASCII characters. Default: the host name.
    #[must_use]
    pub fn node_id(mut self, node_id: impl Into<String>) -> Self {
        self.node_id = Some(node_id.into());
        self
    }

    /// The idle timeout: how long a session lives without being used. At most ten years. Default: one hour.
    #[must_use]
    pub fn session_timeout(mut self, idle: Duration) -> Self {
        self.session_timeout = Some(idle);
        self
    }

    /// The absolute lifetime: how long a session lives however often it is used. At most ten years. Default: 24 hours, or the idle timeout if
    /// that is longer.
    #[must_use]
    pub fn session_lifetime(mut self, absolute: Duration) -> Self {
        self.session_lifetime = Some(absolute);
        self
    }

    /// The application and environment that the sessions belong to, such as `shop:production`: 1 to 64 of the
    /// characters `A-Z a-z 0-9 . : _ -`. Applications with different namespaces on one Redis never see each other's sessions.
    #[must_use]
    pub fn session_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.session_namespace = Some(namespace.into());
        self
    }

    /// The Pub/Sub channel of invalidations.
    ///
    /// Nodes on different channels do not receive each other's logouts. Unless a namespace is set too, another channel is therefore another
    /// namespace.
    #[must_use]
    pub fn session_channel(mut self, channel: impl Into<String>) -> Self {
        self.session_channel = Some(channel.into());
        self
    }

    /// The maximum size of a session's encoded data, in bytes: at most 1 MiB. A request that exceeds it gets 500, and its changes are not
    /// saved. Default: 65,536.
    #[must_use]
    pub fn session_max_size(mut self, bytes: usize) -> Self {
        self.session_max_size = Some(bytes);
        self
    }

    /// The encoding of data that is saved. Stored data is read in either encoding. Default: MessagePack.
    #[must_use]
    pub fn session_encoding(mut self, encoding: Encoding) -> Self {
        self.session_encoding = encoding;
        self
    }

    /// How long a request waits for the store when it reads. Default: 250 milliseconds.
    #[must_use]
    pub fn session_load_budget(mut self, budget: Duration) -> Self {
        self.session_load_budget = Some(budget);
        self
    }

    /// How long a request waits for the store when it writes, retries included. Default: 500 milliseconds.
    #[must_use]
    pub fn session_save_budget(mut self, budget: Duration) -> Self {
        self.session_save_budget = Some(budget);
        self
    }

    /// Whether cookies have neither `Secure` nor `__Host-`, so that browsers and other clients send them over plain http. Their names begin with
    /// the namespace instead, so that several applications on localhost do not replace each other's cookies. An eavesdropper can then take over
    /// sessions: for development on loopback only. Default: `false`.
    #[must_use]
    pub fn session_insecure_plain_http(mut self, insecure: bool) -> Self {
        self.insecure_plain_http = Some(insecure);
        self
    }

    /// The origins whose pages may log visitors out, comma-separated, besides the site that the request is sent to:
    /// `https://shop.example,https://admin.shop.example:8443`. See [`SessionRoutes::trusted_origin`](crate::SessionRoutes::trusted_origin).
    #[must_use]
    pub fn session_trusted_origins(mut self, origins: impl Into<String>) -> Self {
        self.trusted_origins = Some(origins.into());
        self
    }

    /// How long the local cache keeps a session before it is loaded again. Zero disables the cache. Default: 30 seconds.
    #[must_use]
    pub fn local_cache_ttl(mut self, ttl: Duration) -> Self {
        self.local_cache_ttl = Some(ttl);
        self
    }

    /// The maximum number of sessions in the local cache. Zero disables the cache. Default: 10,000.
    #[must_use]
    pub fn local_cache_max_size(mut self, entries: usize) -> Self {
        self.local_cache_max_size = Some(entries);
        self
    }

    /// The maximum size of the sessions in the local cache, in bytes. Zero disables the cache; otherwise one session of
    /// [`session_max_size`](Self::session_max_size) must fit, which takes three times its encoded length and up to 1,024 bytes.
    /// Default: 67,108,864 (64 MiB).
    #[must_use]
    pub fn local_cache_max_bytes(mut self, bytes: usize) -> Self {
        self.local_cache_max_bytes = Some(bytes);
        self
    }

    /// The response to reads while the store cannot be reached. Default: [`OutagePolicy::ServeStale`] for the
    /// [`local_cache_ttl`](Self::local_cache_ttl).
    #[must_use]
    pub fn session_outage(mut self, outage: OutagePolicy) -> Self {
        self.session_outage = Some(OutageSetting::Is(outage));
        self
    }

    /// Whether a session ends when a request uses an id from before a renewal, later than a request that was in flight at the renewal would. An
    /// attacker with an old id can then log the visitor out. Otherwise the request gets no session and is counted
    /// ([`Sessions::reused_ids`](crate::Sessions::reused_ids)). Default: `false`.
    #[must_use]
    pub fn session_end_on_reuse(mut self, end: bool) -> Self {
        self.session_end_on_reuse = Some(end);
        self
    }

    /// The upper bound on serving a session that has ended on another node, even when messages are lost. From 250 milliseconds to a minute.
    /// Default: two seconds.
    #[must_use]
    pub fn local_cache_max_staleness(mut self, bound: Duration) -> Self {
        self.local_cache_max_staleness = Some(bound);
        self
    }
}
