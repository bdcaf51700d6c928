use std::env::VarError;

use zeroize::Zeroize;

use super::error::Problem;
use super::lookalikes::Lookalikes;
use super::var_reader::{NotUtf8, Vars};
use super::{Config, RedisSettings};

impl Config {
    /// The settings in the environment of this process.
    ///
    /// Variables that resemble a setting, such as `SESSION_SECRETS`, are named in one warning when the node starts.
    #[must_use]
    pub fn from_env() -> Self {
        let config = Self::from_vars_or_not_utf8(|name| match std::env::var(name) {
            Ok(text) => Ok(Some(text)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(NotUtf8),
        });
        Self { lookalikes: Lookalikes::among(names_in_environment()), ..config }
    }

    /// The settings that `var` returns for the names of the variables.
    #[must_use]
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        Self::from_vars_or_not_utf8(|name| Ok(var(name)))
    }

    fn from_vars_or_not_utf8(var: impl Fn(&str) -> Result<Option<String>, NotUtf8>) -> Self {
        let mut vars = Vars::new(var);
        vars.reject_unsupported();
        let config = Self {
            // Quotes are checked in each of several secrets, later.
            session_secret: vars.raw("SESSION_SECRET").map(Into::into),
            session_index_secret: vars.raw("SESSION_INDEX_SECRET").map(Into::into),
            redis: RedisSettings::read(&mut vars),
            node_id: vars.text("NODE_ID"),
            session_timeout: vars.duration("SESSION_TIMEOUT"),
            session_lifetime: vars.duration("SESSION_LIFETIME"),
            session_namespace: vars.text("SESSION_NAMESPACE"),
            session_channel: vars.text("SESSION_CHANNEL"),
            session_max_size: vars.number("SESSION_MAX_SIZE"),
            session_load_budget: vars.duration("SESSION_LOAD_BUDGET"),
            session_save_budget: vars.duration("SESSION_SAVE_BUDGET"),
            insecure_plain_http: vars.flag("SESSION_INSECURE_PLAIN_HTTP"),
            local_cache_ttl: vars.duration("LOCAL_CACHE_TTL"),
            local_cache_max_size: vars.number("LOCAL_CACHE_MAX_SIZE"),
            local_cache_max_bytes: vars.number("LOCAL_CACHE_MAX_BYTES"),
            local_cache_max_staleness: vars.duration("LOCAL_CACHE_MAX_STALENESS"),
            trusted_origins: vars.list("SESSION_TRUSTED_ORIGINS"),
            session_end_on_reuse: vars.flag("SESSION_END_ON_REUSE"),
            session_outage: vars.parse("SESSION_OUTAGE", str::parse),
            ..Self::default()
        };
        Self { problems: vars.problems, ..config }
    }
}

impl<F: Fn(&str) -> Result<Option<String>, NotUtf8>> Vars<F> {
    /// A node that ignores such a setting would be worse than one that does not start.
    fn reject_unsupported(&mut self) {
        for (name, what) in [("SESSION_ENCRYPT", "encryption at rest"), ("SESSION_COMPRESS", "compression")] {
            if self.text(name).is_some_and(|text| !["0", "false", "no", "off"].contains(&&*text)) {
                self.problems
                    .push(Problem::new(name, format_args!("{what} is not supported by this version")));
            }
        }
    }
}

/// The names of all variables. Their values, which include secrets, are wiped.
fn names_in_environment() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, value)| {
        value.into_encoded_bytes().zeroize();
        name.into_string().ok()
    })
}
