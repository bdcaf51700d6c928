use std::time::Duration;

use handstamp_core::id::{Labels, Namespace};
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::Encoding;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::NodeSettings;

use super::duration::format_duration;
use super::error::Problem;
use super::secret::{INDEX_SECRET, SECRET, secrets_in};
use super::var_reader::Value;
use super::{Config, ConfigError};
use crate::outage::OutageSetting;
use crate::session::MAX_DECODED;
use crate::{Origin, OutagePolicy};

/// The settings of a node after validation.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) backend: Backend,
    pub(crate) keys: KeyRing,
    pub(crate) labels: Labels,
    pub(crate) node_id: NodeId,
    pub(crate) timeouts: Timeouts,
    pub(crate) node: NodeSettings,
    pub(crate) max_size: usize,
    pub(crate) encoding: Encoding,
    pub(crate) plain_http: bool,
    pub(crate) outage: OutagePolicy,
    pub(crate) trusted_origins: Vec<Origin>,
}

/// Where sessions are kept.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// In the memory of this process.
    Memory,
    /// On Redis, with invalidations on a channel.
    #[cfg(feature = "redis")]
    Redis(Box<handstamp_redis::RedisConfig>, handstamp_redis::Channel),
}

impl Config {
    pub(crate) fn resolve(self) -> Result<Resolved, ConfigError> {
        let mut problems = self.problems.clone();
        let backend = self.backend(&mut problems);
        self.warn_of_lookalikes();
        self.check(backend, problems)
    }

    /// For a node on a store of the application's own.
    pub(crate) fn resolve_without_redis(self) -> Result<Resolved, ConfigError> {
        let problems = self.problems.clone();
        self.lookalikes.warn(|name| !name.starts_with("REDIS_"));
        self.check(Some(Backend::Memory), problems)
    }

    fn check(self, backend: Option<Backend>, mut problems: Vec<Problem>) -> Result<Resolved, ConfigError> {
        let keys = self.keys(&mut problems);
        let index_secret = self.index_secret(&mut problems);
        let node_id = self.resolve_node_id(&mut problems);
        let timeouts = self.timeouts(&mut problems);
        let node = self.node_settings(&mut problems);
        let max_size = self.session_max_size.unwrap_or(64 * 1024);
        if max_size == 0 || max_size > MAX_DECODED {
            let message = format_args!("must be from 1 to {MAX_DECODED} bytes");
            problems.push(Problem::new("SESSION_MAX_SIZE", message));
        }
        self.check_cache(&node, max_size, &mut problems);
        let trusted_origins = self.origins(&mut problems);
        match (backend, keys, node_id) {
            (Some(backend), Some(keys), Some(node_id)) if problems.is_empty() => Ok(Resolved {
                backend,
                labels: Labels::new(keys.namespace(), index_secret.as_ref()),
                keys,
                node_id,
                timeouts,
                node,
                max_size,
                encoding: self.session_encoding,
                plain_http: self.insecure_plain_http.unwrap_or(false),
                outage: self
                    .session_outage
                    .unwrap_or(OutageSetting::ServeStaleForCacheTtl)
                    .resolve(node.cache_ttl),
                trusted_origins,
            }),
            _ => Err(ConfigError::new(problems)),
        }
    }

    fn warn_of_lookalikes(&self) {
        let mut lookalikes = self.lookalikes.clone();
        // Without a server to talk to, these are errors.
        if self.redis.names_servers() {
            self.redis.misnamed().iter().for_each(|name| lookalikes.add(name, "REDIS_URL"));
        }
        lookalikes.warn(|_| true);
    }

    #[cfg(feature = "redis")]
    fn backend(&self, problems: &mut Vec<Problem>) -> Option<Backend> {
        if !self.redis.names_servers() {
            problems.extend(self.redis.problems());
            problems.extend(self.redis.names().map(|name| {
                Problem::new(
                    &name,
                    "there is no Redis that it could be for: set REDIS_URL, or leave this out",
                )
            }));
            problems.extend(self.redis.misnamed().iter().map(|name| {
                Problem::new(
                    name,
                    "there is no such setting: name the server with REDIS_URL=redis://host:port",
                )
            }));
            return Some(Backend::Memory);
        }
        // Problems with these are recorded elsewhere.
        let (node, node_id) = (self.node_settings(&mut Vec::new()), self.resolve_node_id(&mut Vec::new()));
        let config = self.redis.resolve(&node, node_id.as_ref(), problems);
        let channel = match &self.session_channel {
            Some(channel) => or_record("SESSION_CHANNEL", handstamp_redis::Channel::new(channel), problems),
            // Problems with the namespace are recorded elsewhere.
            None => self.namespace(&mut Vec::new()).map(|namespace| handstamp_redis::Channel::of(&namespace)),
        };
        Some(Backend::Redis(Box::new(config?), channel?))
    }

    #[cfg(not(feature = "redis"))]
    fn backend(&self, problems: &mut Vec<Problem>) -> Option<Backend> {
        let message = "handstamp was built without its feature `redis`";
        problems.extend(self.redis.names().map(|name| Problem::new(&name, message)));
        Some(Backend::Memory)
    }

    fn keys(&self, problems: &mut Vec<Problem>) -> Option<KeyRing> {
        let namespace = self.namespace(problems);
        let secrets = self.secrets(problems);
        KeyRing::new(namespace?, &secrets?).ok()
    }

    fn namespace(&self, problems: &mut Vec<Problem>) -> Option<Namespace> {
        match (&self.session_namespace, &self.session_channel) {
            (Some(namespace), _) => or_record("SESSION_NAMESPACE", Namespace::new(namespace), problems),
            (None, Some(channel)) => {
                let namespace = Namespace::new(channel).map_err(|error| {
                    format!("{} names the namespace too: {error}; or set SESSION_NAMESPACE", Value(channel))
                });
                or_record("SESSION_CHANNEL", namespace, problems)
            }
            (None, None) => Some(Namespace::default()),
        }
    }

    fn secrets(&self, problems: &mut Vec<Problem>) -> Option<Vec<Secret>> {
        match &self.session_secret {
            Some(list) => secrets_in(SECRET, list, problems),
            // Nodes that share a Redis must share a secret, and a restart must not end all sessions.
            None if self.redis.names_servers() => {
                let message = "required with Redis: generate one with `openssl rand -base64 48`";
                problems.push(Problem::new(SECRET, message));
                None
            }
            None => {
                tracing::warn!("no SESSION_SECRET: using a random one, so sessions end with this process");
                or_record(SECRET, Secret::generate(), problems).map(|secret| vec![secret])
            }
        }
    }

    fn index_secret(&self, problems: &mut Vec<Problem>) -> Option<Secret> {
        let secrets = secrets_in(INDEX_SECRET, self.session_index_secret.as_ref()?, problems)?;
        let [secret] = &secrets[..] else {
            problems.push(Problem::new(INDEX_SECRET, "must be one secret, without commas: it never changes"));
            return None;
        };
        Some(secret.clone())
    }

    fn origins(&self, problems: &mut Vec<Problem>) -> Vec<Origin> {
        let listed = self.trusted_origins.iter().flat_map(|list| list.split(',')).map(str::trim);
        listed.filter_map(|origin| or_record("SESSION_TRUSTED_ORIGINS", origin.parse(), problems)).collect()
    }

    fn resolve_node_id(&self, problems: &mut Vec<Problem>) -> Option<NodeId> {
        match &self.node_id {
            Some(node_id) => or_record("NODE_ID", NodeId::new(node_id), problems),
            None => {
                let host_name = gethostname::gethostname();
                NodeId::new(&host_name.to_string_lossy()).or_else(|_| NodeId::new("node")).ok()
            }
        }
    }

    fn timeouts(&self, problems: &mut Vec<Problem>) -> Timeouts {
        let idle = self.session_timeout.unwrap_or(Timeouts::DEFAULT.idle);
        let absolute = self.session_lifetime.unwrap_or(Timeouts::DEFAULT.absolute.max(idle));
        within("SESSION_TIMEOUT", idle, Duration::from_millis(1), TEN_YEARS, problems);
        // Without this setting the lifetime follows from the idle timeout.
        if let Some(lifetime) = self.session_lifetime {
            within("SESSION_LIFETIME", lifetime, Duration::from_millis(1), TEN_YEARS, problems);
        }
        Timeouts { idle, absolute }
    }

    /// Records settings of the cache that contradict other settings.
    fn check_cache(&self, node: &NodeSettings, max_size: usize, problems: &mut Vec<Problem>) {
        let largest = max_size.saturating_mul(3).saturating_add(BESIDE_THE_DATA);
        if (1..largest).contains(&node.cache_max_bytes) {
            let message = format_args!(
                "must be at least {largest} bytes, for one session: 1024 and three times SESSION_MAX_SIZE; or 0 for no cache"
            );
            problems.push(Problem::new("LOCAL_CACHE_MAX_BYTES", message));
        }
        let no_cache = [
            ("LOCAL_CACHE_TTL", node.cache_ttl.is_zero()),
            ("LOCAL_CACHE_MAX_SIZE", node.cache_max_entries == 0),
            ("LOCAL_CACHE_MAX_BYTES", node.cache_max_bytes == 0),
        ];
        let off = no_cache.into_iter().find_map(|(name, off)| off.then_some(name));
        if let (Some(off), Some(OutageSetting::Is(OutagePolicy::ServeStale(limit)))) =
            (off, self.session_outage)
            && !limit.is_zero()
        {
            let message = format_args!(
                "serve-stale needs the local cache, which {off} turns off: choose fail or anonymous, or allow a cache"
            );
            problems.push(Problem::new("SESSION_OUTAGE", message));
        }
    }

    fn node_settings(&self, problems: &mut Vec<Problem>) -> NodeSettings {
        let defaults = NodeSettings::default();
        let settings = defaults
            .with_cache_ttl(self.local_cache_ttl.unwrap_or(defaults.cache_ttl))
            .with_cache_max_entries(self.local_cache_max_size.unwrap_or(defaults.cache_max_entries))
            .with_cache_max_bytes(self.local_cache_max_bytes.unwrap_or(defaults.cache_max_bytes))
            .with_max_staleness(self.local_cache_max_staleness.unwrap_or(defaults.max_staleness))
            .with_load_budget(self.session_load_budget.unwrap_or(defaults.load_budget))
            .with_save_budget(self.session_save_budget.unwrap_or(defaults.save_budget))
            .with_end_on_reuse(self.session_end_on_reuse.unwrap_or(defaults.end_on_reuse));
        let (millis, minute) = (Duration::from_millis, Duration::from_secs(60));
        within("LOCAL_CACHE_TTL", settings.cache_ttl, Duration::ZERO, TEN_YEARS, problems);
        within("LOCAL_CACHE_MAX_STALENESS", settings.max_staleness, millis(250), minute, problems);
        within("SESSION_LOAD_BUDGET", settings.load_budget, millis(1), minute, problems);
        within("SESSION_SAVE_BUDGET", settings.save_budget, millis(1), minute, problems);
        settings
    }
}

/// The value of `outcome`, or `None` after its error has been added to the problems.
pub(super) fn or_record<T, E: std::fmt::Display>(
    setting: &str,
    outcome: Result<T, E>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    outcome.map_err(|error| problems.push(Problem::new(setting, error))).ok()
}

fn within(
    setting: &'static str,
    value: Duration,
    shortest: Duration,
    longest: Duration,
    problems: &mut Vec<Problem>,
) {
    if value < shortest || value > longest {
        let [value, shortest, longest] = [value, shortest, longest].map(format_duration);
        problems.push(Problem::new(setting, format_args!("{value} is not from {shortest} to {longest}")));
    }
}

/// The bytes of a cache entry without the data of the session: 600, and usually less than the rest for the type itself.
const BESIDE_THE_DATA: usize = 1_024;

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
