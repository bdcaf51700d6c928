use super::super::env::{NotUtf8, Vars};
use super::{NumberedNode, RedisSettings};

impl RedisSettings {
    pub(in crate::config) fn read<F>(vars: &mut Vars<F>) -> Self
    where
        F: Fn(&str) -> Result<Option<String>, NotUtf8>,
    {
        Self {
            url: vars.text("REDIS_URL").map(Into::into),
            cluster_nodes: vars.text("REDIS_CLUSTER_NODES"),
            nodes: (1..=MAX_NODES).filter_map(|number| NumberedNode::read(number, vars)).collect(),
            username: vars.text("REDIS_USERNAME"),
            password: vars.text("REDIS_PASSWORD").map(Into::into),
            tls: vars.flag("REDIS_TLS"),
            ca_file: vars.text("REDIS_CA_FILE"),
            cert_file: vars.text("REDIS_CERT_FILE"),
            key_file: vars.text("REDIS_KEY_FILE"),
            read_from: vars.text("REDIS_READ_FROM"),
            wait_replicas: vars.number("REDIS_WAIT_REPLICAS"),
            invalidation: vars.text("REDIS_INVALIDATION"),
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
        node.port = vars.parse(&node.port_name(), "a port from 1 to 65535", |text| {
            text.parse().ok().filter(|port| *port != 0)
        });
        (node.host.is_some() || node.port.is_some()).then_some(node)
    }
}

const MAX_NODES: u32 = 99;
