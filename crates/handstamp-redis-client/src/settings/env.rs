use std::env::VarError;
use std::fmt::Display;
use std::str::FromStr;

use super::error::or_record;
use super::var_reader::Vars;
use super::{InvalidSettings, NotUtf8, NumberedNode, RedisSettings};
use crate::RedisConfig;

impl RedisConfig {
    /// The configuration in variables: see [`RedisSettings`]. `None` if they name no servers.
    ///
    /// ```
    /// use handstamp_redis_client::RedisConfig;
    ///
    /// let vars = |name: &str| (name == "REDIS_URL").then(|| "redis://localhost/2".to_owned());
    /// let config = RedisConfig::from_vars(vars)?.expect("REDIS_URL is set");
    /// assert_eq!(config.url.to_string(), "redis://localhost:6379/2");
    ///
    /// let error = RedisConfig::from_vars(|name| (name == "REDIS_URL").then(|| "localhost".to_owned())).unwrap_err();
    /// assert_eq!(error.errors()[0].variable, "REDIS_URL");
    /// # Ok::<(), handstamp_redis_client::InvalidSettings>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, InvalidSettings> {
        RedisSettings::from_vars(|name| Ok(var(name))).resolve()
    }

    /// [`from_vars`](Self::from_vars), with the environment of this process.
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn from_env() -> Result<Option<Self>, InvalidSettings> {
        let settings = RedisSettings::from_vars(|name| match std::env::var(name) {
            Ok(text) => Ok(Some(text)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(NotUtf8),
        });
        settings.resolve()
    }
}

impl RedisSettings {
    /// The settings in variables. Invalid values are kept as [problems](Self::problems).
    #[must_use]
    pub fn from_vars(var: impl Fn(&str) -> Result<Option<String>, NotUtf8>) -> Self {
        let mut vars = Vars::new(var);
        let read_from = parsed("REDIS_READ_FROM", &mut vars);
        let driver = parsed("REDIS_DRIVER", &mut vars);
        let settings = Self {
            url: vars.text("REDIS_URL").map(Into::into),
            cluster_nodes: vars.list("REDIS_CLUSTER_NODES"),
            nodes: (1..=Self::MAX_NODES).filter_map(|number| NumberedNode::read(number, &mut vars)).collect(),
            username: vars.text("REDIS_USERNAME"),
            // A password may well begin and end with quotes.
            password: vars.raw("REDIS_PASSWORD").map(Into::into),
            tls: vars.flag("REDIS_TLS"),
            ca_file: vars.text("REDIS_CA_FILE"),
            cert_file: vars.text("REDIS_CERT_FILE"),
            key_file: vars.text("REDIS_KEY_FILE"),
            read_from,
            wait_replicas: vars.number("REDIS_WAIT_REPLICAS"),
            driver,
            problems: Vec::new(),
        };
        Self { problems: vars.problems, ..settings }
    }
}

impl NumberedNode {
    fn read<F>(number: u32, vars: &mut Vars<F>) -> Option<Self>
    where
        F: Fn(&str) -> Result<Option<String>, NotUtf8>,
    {
        let mut node = Self { number, host: None, port: None };
        node.host = vars.text(&node.host_name());
        let port_name = node.port_name();
        if !vars.raw(&port_name).is_some_and(|port| is_set_by_kubernetes(&port)) {
            node.port = vars.parse(&port_name, |text| match text.parse() {
                Ok(0) | Err(_) => Err("is not a port from 1 to 65535"),
                Ok(port) => Ok(port),
            });
        }
        (node.host.is_some() || node.port.is_some()).then_some(node)
    }
}

/// The value of a type whose error says which values there are.
fn parsed<T, F>(name: &str, vars: &mut Vars<F>) -> Option<T>
where
    T: FromStr<Err: Display>,
    F: Fn(&str) -> Result<Option<String>, NotUtf8>,
{
    let text = vars.text(name)?;
    or_record(name, text.parse(), &mut vars.problems)
}

/// For a service called `redis-node-1`, Kubernetes sets `REDIS_NODE_1_PORT=tcp://10.0.0.1:6379` in every container of its
/// namespace.
fn is_set_by_kubernetes(port: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| port.starts_with(scheme))
}
