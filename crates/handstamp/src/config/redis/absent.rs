use super::super::vars::{NotUtf8, Vars};
use super::misnamed::misnamed;

/// The names of the settings for Redis that are set, in a program that was built without its support.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct RedisSettings {
    names: Vec<String>,
    misnamed: Vec<&'static str>,
}

impl RedisSettings {
    pub(in crate::config) fn read<F>(vars: &mut Vars<F>) -> Self
    where
        F: Fn(&str) -> Result<Option<String>, NotUtf8>,
    {
        let names = super::super::lookalikes::settings().filter(|name| name.starts_with("REDIS_"));
        let names = names.filter(|name| vars.raw(name).is_some()).collect();
        Self { names, misnamed: misnamed(vars) }
    }

    /// Whether the servers are named.
    pub(in crate::config) fn names_servers(&self) -> bool {
        let is_server = |name: &String| {
            ["REDIS_URL", "REDIS_CLUSTER_NODES"].contains(&name.as_str()) || name.starts_with("REDIS_NODE_")
        };
        self.names.iter().any(is_server)
    }

    /// The names of the variables that are set.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = String> {
        self.names.iter().cloned()
    }

    /// Variables of other programs that are set.
    pub(in crate::config) fn misnamed(&self) -> &[&'static str] {
        &self.misnamed
    }
}
