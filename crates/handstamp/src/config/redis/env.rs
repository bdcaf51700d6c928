use super::super::vars::{NotUtf8, Vars};
use super::{MAX_NODES, MISNAMED, NumberedNode, RedisSettings};

impl RedisSettings {
    pub(in crate::config) fn read<F>(vars: &mut Vars<F>) -> Self
    where
        F: Fn(&str) -> Result<Option<String>, NotUtf8>,
    {
        Self {
            url: vars.text("REDIS_URL").map(Into::into),
            cluster_nodes: vars.list("REDIS_CLUSTER_NODES"),
            nodes: (1..=MAX_NODES).filter_map(|number| NumberedNode::read(number, vars)).collect(),
            username: vars.text("REDIS_USERNAME"),
            // A password may well begin and end with quotes.
            password: vars.raw("REDIS_PASSWORD").map(Into::into),
            tls: vars.flag("REDIS_TLS"),
            ca_file: vars.text("REDIS_CA_FILE"),
            cert_file: vars.text("REDIS_CERT_FILE"),
            key_file: vars.text("REDIS_KEY_FILE"),
            read_from: vars.text("REDIS_READ_FROM"),
            wait_replicas: vars.number("REDIS_WAIT_REPLICAS"),
            invalidation: vars.text("REDIS_INVALIDATION"),
            misnamed: misnamed(vars),
        }
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
        if !vars.raw(&port_name).is_some_and(|port| is_of_kubernetes(&port)) {
            node.port = vars.parse(&port_name, |text| match text.parse() {
                Ok(0) | Err(_) => Err("is not a port from 1 to 65535"),
                Ok(port) => Ok(port),
            });
        }
        (node.host.is_some() || node.port.is_some()).then_some(node)
    }
}

/// What belongs into `REDIS_URL`. Where the names of variables have no case, `redis_url` is that one.
fn misnamed<F>(vars: &mut Vars<F>) -> Vec<&'static str>
where
    F: Fn(&str) -> Result<Option<String>, NotUtf8>,
{
    let mut is_set = |name: &&str| vars.raw(name).is_some_and(|value| !is_of_kubernetes(&value));
    MISNAMED.into_iter().filter(|name| !(cfg!(windows) && *name == "redis_url") && is_set(name)).collect()
}

/// For a service called `redis`, Kubernetes sets `REDIS_PORT=tcp://10.0.0.1:6379` in every container of its namespace,
/// and likewise `VALKEY_PORT`, and `REDIS_NODE_1_PORT` for one called `redis-node-1`.
fn is_of_kubernetes(port: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| port.starts_with(scheme))
}
