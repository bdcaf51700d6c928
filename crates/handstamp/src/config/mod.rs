mod duration;
mod env;
mod error;
mod lookalikes;
mod quotes;
mod redis;
mod resolve;
mod secret;
mod setters;
mod show;
mod var_reader;

use std::time::Duration;

use handstamp_core::record::Encoding;
use zeroize::Zeroizing;

pub(crate) use self::duration::{InvalidDuration, parse_duration};
pub use self::error::ConfigError;
use self::lookalikes::Lookalikes;
use self::redis::RedisSettings;
pub(crate) use self::resolve::{Backend, Resolved};
use crate::outage::OutageSetting;

/// The settings of a node, from the environment or from code: a method for each variable, named like it.
///
/// | Variable | Means | Default |
/// |---|---|---|
/// | `SESSION_SECRET` | the secret that signs cookies, such as the output of `openssl rand -base64 48`, or several, comma-separated: the first signs, all verify | none; random without Redis |
/// | `SESSION_INDEX_SECRET` | a secret that never changes, for the hash slot of a user's sessions: see [the index secret](#the-index-secret) | none |
/// | `REDIS_URL` | `redis://[user:password@]host[:port][/database]`, or one of the [other forms](#redis) | none: sessions live in this process |
/// | `REDIS_CLUSTER_NODES` | some nodes of a cluster, in place of a URL: `host:port,host:port` | none |
/// | `REDIS_NODE_1_HOST`, `REDIS_NODE_1_PORT`, `REDIS_NODE_2_HOST`, ... | the same, or further nodes, one for each number up to 99 | none; port `6379` |
/// | `REDIS_USERNAME`, `REDIS_PASSWORD` | the credentials, unless the URL has them; never both | the default user, no password |
/// | `REDIS_TLS` | `true`: TLS to the nodes in a list; with a URL, it must agree with its scheme | `false` |
/// | `REDIS_CA_FILE` | the only certificate authority to trust for TLS, as PEM | the authorities that the system trusts |
/// | `REDIS_CERT_FILE`, `REDIS_KEY_FILE` | the client certificate and its private key, as PEM | none |
/// | `REDIS_READ_FROM` | the servers to read from: `primary` or `replica` | `primary` |
/// | `REDIS_WAIT_REPLICAS` | how many replicas must acknowledge a write | `0` |
/// | `REDIS_DRIVER` | the library that speaks to Redis: `fred`, or `redis-rs` with the feature of this name | `fred` |
/// | `REDIS_INVALIDATION` | the transport of invalidations: `pubsub`, or `tracking` by the servers themselves | `pubsub` |
/// | `NODE_ID` | the name of this node in logs and messages | the host name |
/// | `SESSION_TIMEOUT` | idle timeout | `1h` |
/// | `SESSION_LIFETIME` | absolute lifetime | `24h`, or the idle timeout if that is longer |
/// | `SESSION_NAMESPACE` | the application and environment that sessions belong to | `handstamp`, or the value of `SESSION_CHANNEL` if only that is set |
/// | `SESSION_CHANNEL` | the Pub/Sub channel of invalidations | `<namespace>:invalidate` |
/// | `SESSION_MAX_SIZE` | the maximum size of a session's encoded data, in bytes | `65536` |
/// | `SESSION_LOAD_BUDGET` | how long a request waits for Redis to read | `250ms` |
/// | `SESSION_SAVE_BUDGET` | how long a request waits for Redis to write, retries included | `500ms` |
/// | `SESSION_OUTAGE` | what reads get while Redis cannot be reached: `serve-stale`: the copy in the local cache, for `LOCAL_CACHE_TTL`; `serve-stale:20s`: the same for 20 seconds; `fail`: 503; `anonymous`: no session, and 503 for writes: see [`OutagePolicy`](crate::OutagePolicy) | `serve-stale` |
/// | `SESSION_END_ON_REUSE` | `true`: a session ends when a request uses an id that the session had, with the same user, until more than `SESSION_SAVE_BUDGET` and less than half a minute ago | `false`: the use is counted |
/// | `SESSION_INSECURE_PLAIN_HTTP` | `true`: cookies are named `<namespace>-id`, without `Secure` and `__Host-`, for development | `false` |
/// | `SESSION_TRUSTED_ORIGINS` | other origins whose pages may log visitors out: `https://shop.example,https://admin.example:8443` | none |
/// | `LOCAL_CACHE_TTL` | how long the local cache keeps a session; `0s`: no cache | `30s` |
/// | `LOCAL_CACHE_MAX_SIZE` | the maximum number of sessions in the local cache; `0`: no cache | `10000` |
/// | `LOCAL_CACHE_MAX_BYTES` | the maximum size of these sessions, in bytes, at least 1,024 and three times `SESSION_MAX_SIZE`; `0`: no cache | `67108864` |
/// | `LOCAL_CACHE_MAX_STALENESS` | the upper bound on serving a session that has ended on another node, while Redis can be reached: `250ms` to `1m` | `2s` |
///
/// Durations are written as `500ms`, `30s`, `15m`, `24h`, `7d` or `2w`; months and years are rejected, since `30M` would be months. A
/// variable that is set but empty counts as not set. Quotes around a value are rejected, because they are part of it where no shell has
/// removed them; a password may have them. Settings are validated by [`Sessions::start`](crate::Sessions::start), which reports all
/// problems in one error. The error repeats no secret and no value of more than 16 characters.
///
/// # The secret
///
/// The output of `openssl rand -base64 48` or `openssl rand -hex 32`, 32 random letters and digits, or eight random words with a separator
/// between them. Rejected are placeholders, unexpanded templates, published secrets, secrets of fewer than 80 bits by a rough estimate, and
/// secrets with a quote at either end, with a semicolon or a comment after them, or with `SESSION_SECRET=` before them.
///
/// # The index secret
///
/// The sessions of a [subject](crate::SessionData::subject) are in one hash slot of a Redis Cluster: the first two bytes of their ids, and
/// the names of their keys, are derived from the subject. A reader of Redis can test with that whether a guessed subject may have sessions;
/// with many sessions, this reveals next to nothing. `SESSION_INDEX_SECRET`, one secret, prevents it. It must never change, and all nodes
/// need the same one from the beginning: sessions from before would be looked for in another slot.
///
/// # Redis
///
/// The servers are given in one way: by `REDIS_URL`, by `REDIS_CLUSTER_NODES`, or by `REDIS_NODE_1_HOST` and its like. A URL has one of
/// these forms; with `rediss` in place of `redis`, connections over a network use TLS, and `valkey` means the same as `redis`:
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
    /// Problems with values from the environment.
    problems: Vec<error::Problem>,
    lookalikes: Lookalikes,
}

impl Config {
    /// The defaults: sessions in memory, signed with a random secret.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
