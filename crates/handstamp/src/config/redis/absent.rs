use super::super::var_reader::{NotUtf8, Vars};
use super::misnamed::{is_set, misnamed};

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
        let names = names.filter(|name| is_set(vars, name)).collect();
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

#[cfg(test)]
mod tests {
    use crate::{Config, Sessions};

    fn with(name: &'static str, value: &'static str) -> Config {
        Config::from_vars(move |asked| (asked == name).then(|| value.to_owned()))
    }

    /// Kubernetes sets it for a service called `redis-node-1`.
    #[tokio::test]
    async fn a_variable_that_kubernetes_sets_is_no_setting() {
        for value in ["tcp://10.0.0.1:6379", "udp://10.0.0.1:6379"] {
            Sessions::start(with("REDIS_NODE_1_PORT", value)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn settings_for_redis_are_an_error_without_its_support() {
        for (name, value) in [("REDIS_NODE_1_PORT", "6379"), ("REDIS_URL", "redis://localhost")] {
            let error = Sessions::start(with(name, value)).await.unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
