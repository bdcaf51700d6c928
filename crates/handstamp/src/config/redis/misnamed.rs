use super::super::var_reader::{NotUtf8, Vars};

/// The variables in which other programs name the server. They are no settings, and are read only to be rejected or warned of.
pub(in crate::config) const MISNAMED: [&str; 9] = [
    "REDISHOST",
    "REDISPORT",
    "REDIS_HOST",
    "REDIS_PORT",
    "VALKEY_HOST",
    "VALKEY_PORT",
    "VALKEY_URL",
    "redis_url",
    "valkey_url",
];

/// The variables of [`MISNAMED`] that are set. Where the names of variables have no case, `redis_url` is `REDIS_URL`.
pub(super) fn misnamed<F>(vars: &mut Vars<F>) -> Vec<&'static str>
where
    F: Fn(&str) -> Result<Option<String>, NotUtf8>,
{
    let is_other_case = |name: &&str| cfg!(windows) && *name == "redis_url";
    MISNAMED.into_iter().filter(|name| !is_other_case(name) && is_set(vars, name)).collect()
}

/// Whether a variable is set, and not by Kubernetes.
pub(super) fn is_set<F>(vars: &mut Vars<F>, name: &str) -> bool
where
    F: Fn(&str) -> Result<Option<String>, NotUtf8>,
{
    vars.raw(name).is_some_and(|value| !is_set_by_kubernetes(&value))
}

/// For a service called `redis`, Kubernetes sets `REDIS_PORT=tcp://10.0.0.1:6379` in every container of its namespace,
/// likewise `VALKEY_PORT`, and `REDIS_NODE_1_PORT` for a service called `redis-node-1`.
fn is_set_by_kubernetes(port: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| port.starts_with(scheme))
}
