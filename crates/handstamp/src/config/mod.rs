mod duration;
mod env;
mod error;
mod lookalikes;
mod quotes;
mod redis;
mod resolve;
mod secret;
mod show;
mod vars;

use std::time::Duration;

use handstamp_core::record::Encoding;
use zeroize::Zeroizing;

pub(crate) use self::duration::{InvalidDuration, parse_duration};
pub use self::error::ConfigError;
use self::lookalikes::Lookalikes;
use self::redis::RedisSettings;
pub(crate) use self::resolve::{Backend, Resolved};
use self::secret::random_secret;
use crate::OutagePolicy;
use crate::outage::OutageSetting;

/// The settings of a node, from the environment or from code: a method for each variable, named like it.
///
/// | Variable | Means | Default |
/// |---|---|---|
/// | `SESSION_SECRET` | the secret that signs cookies, as `openssl rand -base64 48` makes one, or several, comma-separated: the first signs, all verify | none; random without Redis |
/// | `SESSION_INDEX_SECRET` | a secret that never changes, for the place of a user's sessions in Redis: see [the index secret](#the-index-secret) | none |
/// | `REDIS_URL` | `redis://[user:password@]host[:port][/database]`, or one of the [other forms](#redis) | none: sessions live in this process |
/// | `REDIS_CLUSTER_NODES` | some nodes of a cluster, in place of a URL: `host:port,host:port` | none |
/// | `REDIS_NODE_1_HOST`, `REDIS_NODE_1_PORT`, `REDIS_NODE_2_HOST`, ... | the same, or further ones, a node each, up to 99 | none; port `6379` |
/// | `REDIS_USERNAME`, `REDIS_PASSWORD` | who we are to the servers, unless the URL says it; never both | the default user, no password |
/// | `REDIS_TLS` | `true`: TLS to the nodes in a list; with a URL, it has to agree with that | `false` |
/// | `REDIS_CA_FILE` | the only certificate authority to trust for TLS, as PEM | those that the system trusts |
/// | `REDIS_CERT_FILE`, `REDIS_KEY_FILE` | our certificate and its private key, as PEM, for servers that want one | none |
/// | `REDIS_READ_FROM` | which servers answer reads: `primary` or `replica` | `primary` |
/// | `REDIS_WAIT_REPLICAS` | how many replicas must have a write before it counts | `0` |
/// | `REDIS_INVALIDATION` | what carries invalidations: `pubsub`, or `tracking` by the servers themselves | `pubsub` |
/// | `NODE_ID` | the name of this node in logs and answers | the host name |
/// | `SESSION_TIMEOUT` | idle timeout | `1h` |
/// | `SESSION_LIFETIME` | absolute lifetime | `24h`, or the idle timeout if that is longer |
/// | `SESSION_NAMESPACE` | the application and environment that sessions belong to | `handstamp`, or the value of `SESSION_CHANNEL` if only that is set |
/// | `SESSION_CHANNEL` | the Pub/Sub channel of invalidations | `<namespace>:invalidate` |
/// | `SESSION_MAX_SIZE` | the most bytes that a session's data may take, encoded | `65536` |
/// | `SESSION_LOAD_BUDGET` | how long a request waits for Redis to read | `250ms` |
/// | `SESSION_SAVE_BUDGET` | how long a request waits for Redis to write, retries included | `500ms` |
/// | `SESSION_OUTAGE` | what reads get while Redis is away: `serve`: what the local cache holds, for `LOCAL_CACHE_TTL`; `serve:20s`: the same for 20 seconds; `refuse`: 503; `anonymous`: no session, and 503 for writes: see [`OutagePolicy`](crate::OutagePolicy) | `serve` |
/// | `SESSION_END_ON_REUSE` | `true`: a session ends when a request looks up an id that it had, with the same user, until more than `SESSION_SAVE_BUDGET` and less than half a minute ago | `false`: it is counted |
/// | `SESSION_INSECURE_PLAIN_HTTP` | `true`: cookies called `<namespace>-id`, without `Secure` and `__Host-`, for development | `false` |
/// | `SESSION_TRUSTED_ORIGINS` | other origins whose pages may log visitors out: `https://shop.example,https://admin.example:8443` | none |
/// | `LOCAL_CACHE_TTL` | how long the local cache keeps a session; `0s`: not at all | `30s` |
/// | `LOCAL_CACHE_MAX_SIZE` | how many sessions the local cache holds; `0`: none | `10000` |
/// | `LOCAL_CACHE_MAX_BYTES` | how many bytes these sessions may take, at least 1,024 and three times `SESSION_MAX_SIZE`; `0`: no cache | `67108864` |
/// | `LOCAL_CACHE_MAX_STALENESS` | how long a session that was ended elsewhere may be served here at most, while Redis is there: `250ms` to `1m` | `2s` |
///
/// Durations are written as `500ms`, `30s`, `15m`, `24h`, `7d` or `2w`; months and years are refused, as `30M` would be
/// months. A variable that is set but empty counts as not set. Quotes around a value are refused, because they are a part
/// of it where no shell has taken them away; a password may have them. Nothing is checked before
/// [`Sessions::start`](crate::Sessions::start), which names all that is wrong in one error. The error repeats no secret and no
/// value of more than 16 characters.
///
/// # The secret
///
/// `openssl rand -base64 48`, `openssl rand -hex 32`, 32 random letters and digits, or eight words drawn at random with
/// something between them. Placeholders, templates that were not expanded, published secrets, secrets of fewer than
/// 80 bits by a rough estimate, and secrets with a quote at either end, a semicolon or a comment after them or `SESSION_SECRET=`
/// before them are refused.
///
/// # The index secret
///
/// The sessions of a [subject](crate::SessionData::subject) lie in one slot of a Redis Cluster: the first two bytes of their ids, and the
/// names of their keys, follow from the subject. A reader of Redis can test from that whether a guessed subject may have
/// sessions; with many sessions, that is next to nothing. `SESSION_INDEX_SECRET`, one secret, hides it. It must never change, and all nodes
/// need the same from the beginning: the sessions from before would be looked for in another place.
///
/// # Redis
///
/// The servers are named in one way: `REDIS_URL`, or `REDIS_CLUSTER_NODES` and `REDIS_NODE_1_HOST` and its like. A URL is one
/// of these; with `rediss` in place of `redis`, connections over a network use TLS, and `valkey` may stand for `redis`:
///
/// ```text
/// redis://[[user]:password@]host[:port][/database]
/// redis-cluster://[[user]:password@]host[:port][,host[:port]...]
/// redis-sentinel://[[user]:password@]host[:port][,host[:port]...][/database]?sentinelServiceName=name
///     [&sentinelUsername=user][&sentinelPassword=password]
/// redis+unix://[[user]:password@]/path/to/redis.sock[?db=database]
/// ```
///
/// ```
/// use std::time::Duration;
/// use handstamp::Config;
///
/// let config = Config::from_env().session_timeout(Duration::from_secs(1800));
/// ```
#[derive(Clone, Default)]
pub struct Config {
    session_secret: Option<Zeroizing<String>>,
    session_index_secret: Option<Zeroizing<String>>,
    redis: RedisSettings,
    node_id: Option<String>,
    session_timeout: Option<Duration>,
    session_lifetime: Option<Duration>,
    session_namespace: Option<String>,
    session_channel: Option<String>,
    session_max_size: Option<usize>,
    session_encoding: Encoding,
    session_load_budget: Option<Duration>,
    session_save_budget: Option<Duration>,
    insecure_plain_http: Option<bool>,
    trusted_origins: Option<String>,
    local_cache_ttl: Option<Duration>,
    local_cache_max_size: Option<usize>,
    local_cache_max_bytes: Option<usize>,
    local_cache_max_staleness: Option<Duration>,
    session_outage: Option<OutageSetting>,
    session_end_on_reuse: Option<bool>,
    /// What could not be read from the environment.
    problems: Vec<error::Problem>,
    lookalikes: Lookalikes,
}

impl Config {
    /// All defaults: a node of its own with a random secret.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret that signs, or several, comma-separated: the first signs, all verify. See [the secret](Self#the-secret).
    #[must_use]
    pub fn session_secret(mut self, secrets: impl Into<String>) -> Self {
        self.session_secret = Some(Zeroizing::new(secrets.into()));
        self
    }

    /// One secret that never changes, for the place of a subject's sessions in the store. See
    /// [the index secret](Self#the-index-secret).
    #[must_use]
    pub fn session_index_secret(mut self, secret: impl Into<String>) -> Self {
        self.session_index_secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// Whether these settings name a Redis, be it one server or several, or try to with a variable such as `REDIS_HOST`, which
    /// [`Sessions::start`](crate::Sessions::start) refuses. Otherwise sessions live in this process.
    #[must_use]
    pub fn uses_redis(&self) -> bool {
        self.redis.names_servers() || !self.redis.misnamed().is_empty()
    }

    /// Makes a random secret, unless there is one. Sessions then end with this process; clones of these settings
    /// share it, and with it their sessions.
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

    /// The namespace of this program where neither `SESSION_NAMESPACE` nor [`session_namespace`](Self::session_namespace) gives one.
    ///
    /// Programs that share a Redis and a secret take each other's sessions for their own unless their namespaces differ.
    #[must_use]
    pub fn namespace_or(mut self, namespace: impl Into<String>) -> Self {
        self.session_namespace.get_or_insert_with(|| namespace.into());
        self
    }

    /// The name of this node, of at most 90 visible ASCII characters.
    #[must_use]
    pub fn node_id(mut self, node_id: impl Into<String>) -> Self {
        self.node_id = Some(node_id.into());
        self
    }

    /// The idle timeout: how long a session lives without being used. At most ten years.
    #[must_use]
    pub fn session_timeout(mut self, idle: Duration) -> Self {
        self.session_timeout = Some(idle);
        self
    }

    /// The absolute lifetime: how long a session lives however much it is used. At most ten years.
    #[must_use]
    pub fn session_lifetime(mut self, absolute: Duration) -> Self {
        self.session_lifetime = Some(absolute);
        self
    }

    /// The application and environment that the sessions belong to, such as `shop:production`: 1 to 64 of the
    /// characters `A-Z a-z 0-9 . : _ -`. Two that share a Redis never see each other's sessions.
    #[must_use]
    pub fn session_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.session_namespace = Some(namespace.into());
        self
    }

    /// The Pub/Sub channel on which nodes tell each other what to forget.
    ///
    /// Nodes on different channels would not hear of each other's logouts. Unless a namespace is set too, another
    /// channel is therefore another namespace.
    #[must_use]
    pub fn session_channel(mut self, channel: impl Into<String>) -> Self {
        self.session_channel = Some(channel.into());
        self
    }

    /// The most bytes that a session's data may take, encoded: 1 MiB at most. A request that exceeds it is
    /// answered with 500, and its changes are not kept.
    #[must_use]
    pub fn session_max_size(mut self, bytes: usize) -> Self {
        self.session_max_size = Some(bytes);
        self
    }

    /// How data is encoded from now on. What is stored already is read either way.
    #[must_use]
    pub fn session_encoding(mut self, encoding: Encoding) -> Self {
        self.session_encoding = encoding;
        self
    }

    /// How long a request waits for the store when it reads.
    #[must_use]
    pub fn session_load_budget(mut self, budget: Duration) -> Self {
        self.session_load_budget = Some(budget);
        self
    }

    /// How long a request waits for the store when it writes, retries included.
    #[must_use]
    pub fn session_save_budget(mut self, budget: Duration) -> Self {
        self.session_save_budget = Some(budget);
        self
    }

    /// Cookies without `Secure` and `__Host-`, which browsers and other clients send over plain http. Their names begin
    /// with the namespace instead, so that several applications on localhost do not replace each other's cookies. Anybody
    /// who can listen in can then take over sessions: for development on loopback only. Default: `false`.
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

    /// How long the local cache keeps a session before it asks the store again. Zero does without the cache.
    #[must_use]
    pub fn local_cache_ttl(mut self, ttl: Duration) -> Self {
        self.local_cache_ttl = Some(ttl);
        self
    }

    /// How many sessions the local cache holds. Zero does without it. Default: 10,000.
    #[must_use]
    pub fn local_cache_max_size(mut self, entries: usize) -> Self {
        self.local_cache_max_size = Some(entries);
        self
    }

    /// How many bytes the sessions in the local cache may take. Zero does without it; otherwise one session of
    /// [`session_max_size`](Self::session_max_size) must fit, which takes three times its encoded length and up to 1,024 bytes. Default: 67,108,864 (64 MiB).
    #[must_use]
    pub fn local_cache_max_bytes(mut self, bytes: usize) -> Self {
        self.local_cache_max_bytes = Some(bytes);
        self
    }

    /// What to do about reads while the store cannot be reached. Default: [`OutagePolicy::ServeStale`] for as long as the local
    /// cache keeps a session.
    #[must_use]
    pub fn session_outage(mut self, outage: OutagePolicy) -> Self {
        self.session_outage = Some(OutageSetting::Is(outage));
        self
    }

    /// Whether a session ends when a request uses an id from before a renewal, later than a request that was in flight then
    /// would. An attacker with an old id can then log the visitor out. Otherwise the request gets no session and is counted
    /// ([`Sessions::reused_ids`](crate::Sessions::reused_ids)). Default: `false`.
    #[must_use]
    pub fn session_end_on_reuse(mut self, end: bool) -> Self {
        self.session_end_on_reuse = Some(end);
        self
    }

    /// How long a session that was ended on another node may be served here at most, even when messages are
    /// lost. From 250 milliseconds to a minute. Default: two seconds.
    #[must_use]
    pub fn local_cache_max_staleness(mut self, bound: Duration) -> Self {
        self.local_cache_max_staleness = Some(bound);
        self
    }
}
