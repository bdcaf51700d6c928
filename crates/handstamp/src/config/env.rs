use std::str::FromStr;
use std::time::Duration;

use super::error::Problem;
use super::{Config, RedisSettings};

impl Config {
    /// The settings that `var` gives for the names of the variables.
    #[must_use]
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        Self::read(|name| Ok(var(name)))
    }

    pub(super) fn read(var: impl Fn(&str) -> Result<Option<String>, NotUtf8>) -> Self {
        let mut vars = Vars { var, problems: Vec::new() };
        vars.refuse_what_is_not_there_yet();
        let config = Self {
            session_secret: vars.text("SESSION_SECRET").map(Into::into),
            redis: RedisSettings::read(&mut vars),
            node_id: vars.text("NODE_ID"),
            session_timeout: vars.duration("SESSION_TIMEOUT"),
            session_lifetime: vars.duration("SESSION_LIFETIME"),
            session_namespace: vars.text("SESSION_NAMESPACE"),
            session_channel: vars.text("SESSION_CHANNEL"),
            session_max_size: vars.number("SESSION_MAX_SIZE"),
            session_encoding: Default::default(),
            session_load_budget: vars.duration("SESSION_LOAD_BUDGET"),
            session_save_budget: vars.duration("SESSION_SAVE_BUDGET"),
            insecure_plain_http: vars.flag("SESSION_INSECURE_PLAIN_HTTP"),
            local_cache_ttl: vars.duration("LOCAL_CACHE_TTL"),
            local_cache_max_size: vars.number("LOCAL_CACHE_MAX_SIZE"),
            local_cache_max_staleness: vars.duration("LOCAL_CACHE_MAX_STALENESS"),
            session_outage: vars
                .parse("SESSION_OUTAGE", "serve, serve:20s, refuse or anonymous", |text| text.parse().ok()),
            problems: Vec::new(),
        };
        Self { problems: vars.problems, ..config }
    }
}

/// The value of a variable is no text.
pub(super) struct NotUtf8;

/// Variables, and what is wrong with them.
pub(super) struct Vars<F> {
    var: F,
    pub(super) problems: Vec<Problem>,
}

impl<F: Fn(&str) -> Result<Option<String>, NotUtf8>> Vars<F> {
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let text = (self.var)(name).unwrap_or_else(|NotUtf8| {
            self.problems.push(Problem::new(name, "its value is not valid UTF-8"));
            None
        })?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn duration(&mut self, name: &str) -> Option<Duration> {
        self.parse(name, "a duration such as 30s, 15m or 24h", |text| humantime::parse_duration(text).ok())
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.parse(name, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.parse(name, "true or false", |text| match text {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.problems.push(Problem::new(name, format_args!("{text:?} is not {expected}")));
        }
        parsed
    }

    /// Rather no service than one that is not what was asked for.
    fn refuse_what_is_not_there_yet(&mut self) {
        for (name, what) in [("SESSION_ENCRYPT", "encryption at rest"), ("SESSION_COMPRESS", "compression")] {
            if self.text(name).is_some_and(|text| !["0", "false", "no", "off"].contains(&&*text)) {
                self.problems
                    .push(Problem::new(name, format_args!("{what} is not supported by this version")));
            }
        }
    }
}
