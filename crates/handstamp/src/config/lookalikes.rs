use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::redis::MISNAMED;

/// Variables that are set, resemble a setting, and have no effect: probably a mistake that would otherwise go unnoticed.
#[derive(Clone, Default)]
pub(super) struct Lookalikes {
    found: Vec<Lookalike>,
    /// Clones of the settings start other nodes of the same process, and the warning is for all of them.
    warned: Arc<AtomicBool>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Lookalike {
    name: String,
    meant: String,
}

impl Lookalikes {
    /// The lookalikes among the names of an environment.
    pub(super) fn among(names: impl IntoIterator<Item = String>) -> Self {
        let settings: Vec<_> = settings().collect();
        let found = names.into_iter().filter_map(|name| Lookalike::of(name, &settings)).collect();
        Self { found, warned: Arc::default() }
    }

    /// Records that `name` is set where `meant` should be.
    pub(super) fn add(&mut self, name: &str, meant: &str) {
        self.found.push(Lookalike { name: name.to_owned(), meant: meant.to_owned() });
    }

    /// Logs all of them for which `concerns` is true, once for these settings and their clones. Values are not shown.
    pub(super) fn warn(&self, concerns: impl Fn(&str) -> bool) {
        let found = self.found.iter().filter(|lookalike| concerns(&lookalike.name));
        let found: Vec<_> =
            found.map(|Lookalike { name, meant }| format!("{name} (meant: {meant}?)")).collect();
        if !found.is_empty() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("variables that resemble settings have no effect: {}", found.join(", "));
        }
    }
}

impl Lookalike {
    fn of(name: String, settings: &[String]) -> Option<Self> {
        if name.len() > LONGEST || MISNAMED.contains(&&*name) || settings.contains(&name) {
            return None;
        }
        let meant = other_name(&name).map(str::to_owned).or_else(|| nearest(&name, settings))?;
        Some(Self { name, meant })
    }
}

/// The setting that has this name in other software, in lower case, or with Valkey in place of Redis.
fn other_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    if !PREFIXES.iter().chain(&["REDIS", "VALKEY_"]).any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let name = name.replacen("VALKEY", "REDIS", 1);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, meant)| meant);
    let misnamed = || MISNAMED.contains(&&*name).then_some("REDIS_URL");
    alias.or_else(misnamed).or_else(|| SETTINGS.into_iter().find(|setting| *setting == name))
}

/// The setting that has nearly this name.
fn nearest(name: &str, settings: &[String]) -> Option<String> {
    if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let nearest = settings.iter().min_by_key(|setting| strsim::osa_distance(name, setting))?;
    let most = if name.len() < 12 { 1 } else { 2 };
    (strsim::osa_distance(name, nearest) <= most).then(|| nearest.clone())
}

/// The names of all settings.
pub(super) fn settings() -> impl Iterator<Item = String> {
    let numbered = (1..=super::redis::MAX_NODES)
        .flat_map(|number| ["HOST", "PORT"].map(|part| format!("REDIS_NODE_{number}_{part}")));
    SETTINGS.into_iter().map(str::to_owned).chain(numbered)
}

/// Not `NODE_`: `NODE_ENV`, `NODE_IP` and the like belong to other programs.
const PREFIXES: [&str; 3] = ["SESSION_", "LOCAL_CACHE_", "REDIS_"];

/// A longer name resembles no setting, and comparing takes time.
const LONGEST: usize = 40;

const SETTINGS: [&str; 32] = [
    "LOCAL_CACHE_MAX_BYTES",
    "LOCAL_CACHE_MAX_SIZE",
    "LOCAL_CACHE_MAX_STALENESS",
    "LOCAL_CACHE_TTL",
    "NODE_ID",
    "REDIS_CA_FILE",
    "REDIS_CERT_FILE",
    "REDIS_CLUSTER_NODES",
    "REDIS_DRIVER",
    "REDIS_INVALIDATION",
    "REDIS_KEY_FILE",
    "REDIS_PASSWORD",
    "REDIS_READ_FROM",
    "REDIS_TLS",
    "REDIS_URL",
    "REDIS_USERNAME",
    "REDIS_WAIT_REPLICAS",
    "SESSION_CHANNEL",
    "SESSION_COMPRESS",
    "SESSION_ENCRYPT",
    "SESSION_END_ON_REUSE",
    "SESSION_INDEX_SECRET",
    "SESSION_INSECURE_PLAIN_HTTP",
    "SESSION_LIFETIME",
    "SESSION_LOAD_BUDGET",
    "SESSION_MAX_SIZE",
    "SESSION_NAMESPACE",
    "SESSION_OUTAGE",
    "SESSION_SAVE_BUDGET",
    "SESSION_SECRET",
    "SESSION_TIMEOUT",
    "SESSION_TRUSTED_ORIGINS",
];

/// Names of the same settings in other software.
const ALIASES: [(&str, &str); 40] = [
    ("LOCAL_CACHE_BYTES", "LOCAL_CACHE_MAX_BYTES"),
    ("LOCAL_CACHE_MAX_AGE", "LOCAL_CACHE_TTL"),
    ("LOCAL_CACHE_MAX_ENTRIES", "LOCAL_CACHE_MAX_SIZE"),
    ("LOCAL_CACHE_SIZE", "LOCAL_CACHE_MAX_SIZE"),
    ("LOCAL_CACHE_STALENESS", "LOCAL_CACHE_MAX_STALENESS"),
    ("LOCAL_CACHE_TIMEOUT", "LOCAL_CACHE_TTL"),
    ("REDISPASSWORD", "REDIS_PASSWORD"),
    ("REDISURL", "REDIS_URL"),
    ("REDISUSER", "REDIS_USERNAME"),
    ("REDIS_ADDR", "REDIS_URL"),
    ("REDIS_ADDRESS", "REDIS_URL"),
    ("REDIS_AUTH", "REDIS_PASSWORD"),
    ("REDIS_CA_CERT", "REDIS_CA_FILE"),
    ("REDIS_CLUSTER", "REDIS_CLUSTER_NODES"),
    ("REDIS_CLUSTER_URL", "REDIS_URL"),
    ("REDIS_CONNECTION_STRING", "REDIS_URL"),
    ("REDIS_DATABASE", "REDIS_URL"),
    ("REDIS_DB", "REDIS_URL"),
    ("REDIS_ENDPOINT", "REDIS_URL"),
    ("REDIS_HOSTS", "REDIS_CLUSTER_NODES"),
    ("REDIS_NODES", "REDIS_CLUSTER_NODES"),
    ("REDIS_PASS", "REDIS_PASSWORD"),
    ("REDIS_SENTINELS", "REDIS_URL"),
    ("REDIS_SENTINEL_NODES", "REDIS_URL"),
    ("REDIS_SERVER", "REDIS_URL"),
    ("REDIS_SSL", "REDIS_TLS"),
    ("REDIS_TLS_URL", "REDIS_URL"),
    ("REDIS_URI", "REDIS_URL"),
    ("REDIS_USER", "REDIS_USERNAME"),
    ("SESSION_ABSOLUTE_TIMEOUT", "SESSION_LIFETIME"),
    ("SESSION_EXPIRY", "SESSION_LIFETIME"),
    ("SESSION_IDLE_TIMEOUT", "SESSION_TIMEOUT"),
    ("SESSION_KEY", "SESSION_SECRET"),
    ("SESSION_MAX_AGE", "SESSION_LIFETIME"),
    ("SESSION_MAX_BYTES", "SESSION_MAX_SIZE"),
    ("SESSION_ORIGINS", "SESSION_TRUSTED_ORIGINS"),
    ("SESSION_PLAIN_HTTP", "SESSION_INSECURE_PLAIN_HTTP"),
    ("SESSION_PREFIX", "SESSION_NAMESPACE"),
    ("SESSION_SECRET_KEY", "SESSION_SECRET"),
    ("SESSION_TTL", "SESSION_TIMEOUT"),
];

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;

    fn meant(name: &str) -> Option<String> {
        Lookalike::of(name.to_owned(), &settings().collect::<Vec<_>>()).map(|lookalike| lookalike.meant)
    }

    /// K11: a misspelled setting was silently ignored.
    #[test]
    fn k11_names_that_resemble_settings_are_reported() {
        for (name, expected) in [
            ("SESSION_SECRETS", "SESSION_SECRET"),
            ("SESSION_SERCET", "SESSION_SECRET"),
            ("SESSION_TTL", "SESSION_TIMEOUT"),
            ("SESSION_TIME_OUT", "SESSION_TIMEOUT"),
            ("LOCAL_CACHE_SIZE", "LOCAL_CACHE_MAX_SIZE"),
            ("LOCAL_CACHE_MAXSIZE", "LOCAL_CACHE_MAX_SIZE"),
            ("REDIS_NODES", "REDIS_CLUSTER_NODES"),
            ("REDIS_URI", "REDIS_URL"),
            ("REDIS_CLUSTER_NODE", "REDIS_CLUSTER_NODES"),
            ("REDIS_NODE_01_HOST", "REDIS_NODE_1_HOST"),
            ("REDIS_USER", "REDIS_USERNAME"),
            ("REDISUSER", "REDIS_USERNAME"),
            ("VALKEY_URI", "REDIS_URL"),
            ("VALKEY_PASSWORD", "REDIS_PASSWORD"),
            ("VALKEY_CLUSTER_NODES", "REDIS_CLUSTER_NODES"),
            ("redis_host", "REDIS_URL"),
            ("valkey_port", "REDIS_URL"),
            ("redis_password", "REDIS_PASSWORD"),
            ("session_secret", "SESSION_SECRET"),
            ("Session_Ttl", "SESSION_TIMEOUT"),
        ] {
            assert_eq!(meant(name).as_deref(), Some(expected), "{name}");
        }
        assert!(meant("REDIS_NODE_0_HOST").is_some() && meant("REDIS_NODE_100_HOST").is_some());
    }

    /// Names that a desktop, Kubernetes (for services called redis, redis-cluster, redis-node-1 and session) or a Redis image sets, and
    /// names of other programs.
    #[test]
    fn k11_names_of_other_programs_are_ignored() {
        for name in [
            "SESSION_MANAGER",
            "SESSION_ID",
            "SESSION_SERVICE_HOST",
            "SESSION_PORT",
            "SESSION_DRIVER",
            "DESKTOP_SESSION",
            "NODE_ENV",
            "NODE_IP",
            "NODE_NAME",
            "REDIS_SERVICE_HOST",
            "REDIS_SERVICE_PORT",
            "REDIS_PORT_6379_TCP",
            "REDIS_PORT_6379_TCP_ADDR",
            "REDIS_CLUSTER_SERVICE_HOST",
            "REDIS_CLUSTER_PORT",
            "REDIS_NODE_1_SERVICE_HOST",
            "REDIS_NODE_1_PORT_6379_TCP",
            "VALKEY_SERVICE_HOST",
            "VALKEY_PORT_6379_TCP",
            "VALKEY_CLUSTER_PORT",
            "VALKEY_NODE_1_PORT",
            "VALKEY_VERSION",
            "REDISCLOUD_URL",
            "REDIS_VERSION",
            "REDIS_DOWNLOAD_URL",
            "REDIS_MAX_CONNECTIONS",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn every_setting_that_is_read_is_known() {
        let read = RefCell::new(BTreeSet::new());
        let _ = Config::from_vars(|name| {
            read.borrow_mut().insert(name.to_owned());
            None
        });
        let known: BTreeSet<_> = settings().chain(MISNAMED.map(str::to_owned)).collect();
        let read = read.into_inner();
        assert_eq!(read.symmetric_difference(&known).next(), None);
        for (alias, meant) in ALIASES {
            assert!(!known.contains(alias) && known.contains(meant), "{alias}: {meant}");
        }
    }
}
