use std::fmt;
use std::time::Duration;

use handstamp_core::invalidation::NodeId;
use handstamp_redis::{
    InvalidInvalidationTransport, InvalidationTransport, NotUtf8, ReadFrom, RedisConfig, SettingError,
};
use handstamp_store::NodeSettings;

use super::super::error::Problem;
use super::super::resolve::or_record;
use super::super::var_reader::{self, Vars};
use super::misnamed::misnamed;

/// The settings for Redis.
#[derive(Clone, Default)]
pub(in crate::config) struct RedisSettings {
    pub(super) client: handstamp_redis::RedisSettings,
    pub(super) invalidation: Option<Result<InvalidationTransport, InvalidInvalidationTransport>>,
    misnamed: Vec<&'static str>,
}

impl RedisSettings {
    pub(in crate::config) fn read<F>(vars: &mut Vars<F>) -> Self
    where
        F: Fn(&str) -> Result<Option<String>, var_reader::NotUtf8>,
    {
        Self {
            client: handstamp_redis::RedisSettings::from_vars(|name| vars.var(name).map_err(|_| NotUtf8)),
            invalidation: vars.text("REDIS_INVALIDATION").map(|text| text.parse()),
            misnamed: misnamed(vars),
        }
    }

    /// Whether the servers are named, so that sessions are kept in Redis.
    pub(in crate::config) fn names_servers(&self) -> bool {
        self.client.names_servers()
    }

    /// The names of the variables that are set.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = String> {
        let invalidation = self.invalidation.is_some().then(|| "REDIS_INVALIDATION".to_owned());
        self.client.names().chain(invalidation)
    }

    /// Variables of other programs that are set.
    pub(in crate::config) fn misnamed(&self) -> &[&'static str] {
        &self.misnamed
    }

    /// Variables whose values are invalid, whatever else is set.
    pub(in crate::config) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.client.problems().iter().map(problem)
    }

    /// The servers, and how to connect to them, for the node of this name.
    pub(in crate::config) fn resolve(
        &self,
        node: &NodeSettings,
        node_id: Option<&NodeId>,
        problems: &mut Vec<Problem>,
    ) -> Option<RedisConfig> {
        let invalidation = match self.invalidation {
            None => Some(InvalidationTransport::default()),
            Some(invalidation) => or_record("REDIS_INVALIDATION", invalidation, problems),
        };
        let tracking = invalidation == Some(InvalidationTransport::Tracking);
        self.check_replicas(node, tracking, problems);
        let config = self.client.resolve().unwrap_or_else(|invalid| {
            problems.extend(invalid.errors().iter().map(problem));
            None
        });
        let (load_timeout, save_timeout) = (attempt(node.load_budget), attempt(node.save_budget));
        let config = config?
            .with_load_timeout(load_timeout)
            .with_save_timeout(save_timeout)
            .with_connect_timeout(SHORTEST_CONNECT.max(load_timeout * 2).max(save_timeout))
            .with_tracking(tracking);
        Some(match node_id {
            Some(node_id) => config.with_client_name(node_id.to_string()),
            None => config,
        })
    }

    fn check_replicas(&self, node: &NodeSettings, tracking: bool, problems: &mut Vec<Problem>) {
        if self.client.read_from() != Some(ReadFrom::Replica) {
            return;
        }
        if tracking {
            let message = "with REDIS_INVALIDATION=tracking no server announces changes to sessions that were read from a \
                           replica: choose one of the two";
            problems.push(Problem::new("REDIS_READ_FROM", message));
        }
        if node.max_staleness < LEAST_WITH_REPLICAS {
            let message = "replicas may be a second behind: with REDIS_READ_FROM=replica at least 1500ms";
            problems.push(Problem::new("LOCAL_CACHE_MAX_STALENESS", message));
        }
    }
}

/// The names of the variables that are set. Nearly any value may hold a secret, if only by mistake.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn problem(error: &SettingError) -> Problem {
    Problem::new(&error.variable, &error.message)
}

/// The limit of one attempt: four fifths of the budget of a request, so that the attempt ends with a result before the
/// request gives up.
fn attempt(budget: Duration) -> Duration {
    budget * 4 / 5
}

const SHORTEST_CONNECT: Duration = Duration::from_millis(500);
const LEAST_WITH_REPLICAS: Duration = Duration::from_millis(1_500);
