use std::time::Duration;

use redis::RedisResult;

use super::ClusterOptions;
use super::view::ClusterView;
use crate::port::{PORTS_TO_TRY, ReservedPort};
use crate::server::Setup;
use crate::{Certificates, Proxy, RedisServer, ServerOptions};

/// A server in cluster mode.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) server: RedisServer,
    pub(super) proxy: Option<Proxy>,
    /// Its id in the cluster.
    pub(super) id: String,
    bus_port: ReservedPort,
    /// Whether it has left the cluster for good.
    pub(super) removed: bool,
    /// A slot that it served when it was last stopped.
    pub(super) served: Option<u16>,
}

impl Node {
    pub(super) async fn start(options: &ClusterOptions, certificates: Option<&Certificates>) -> Self {
        for _ in 0..PORTS_TO_TRY {
            let (port, bus_port) = (ReservedPort::any(), ReservedPort::any());
            let proxy = if options.behind_proxies { Some(Proxy::start(port.number()).await) } else { None };
            let announced = proxy.as_ref().map_or(port.number(), Proxy::port);
            let options = server_options(options, bus_port.number(), announced);
            let setup = Setup { options, config: None, certificates: certificates.cloned() };
            if let Some(server) = RedisServer::start_on(port, setup).await {
                let id = server.try_query(&["CLUSTER", "MYID"]).expect("the server is a node of a cluster");
                return Self { server, proxy, id, bus_port, removed: false, served: None };
            }
        }
        panic!("the node found every port taken")
    }

    /// The port that is announced to clients.
    pub(super) fn announced_port(&self) -> u16 {
        self.proxy.as_ref().map_or(self.server.port(), Proxy::port)
    }

    /// Starts a handshake with another node. It may take more than one attempt, because a slow handshake is given up.
    pub(super) fn meet(&self, other: &Self) -> RedisResult<()> {
        let (port, bus_port) = (other.server.port().to_string(), other.bus_port.number().to_string());
        self.server.try_query(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port])
    }

    /// Sets the node timeout, and whether the node must not take over from its primary.
    pub(super) fn configure(&self, node_timeout: Duration, no_failover: &str) {
        let node_timeout = node_timeout.as_millis().to_string();
        let settings = ["cluster-node-timeout", &node_timeout, "cluster-replica-no-failover", no_failover];
        self.server.command(&[&["CONFIG", "SET"][..], &settings].concat());
    }

    /// The cluster as this node sees it.
    pub(super) fn view(&self) -> RedisResult<ClusterView> {
        self.server.try_query(&["CLUSTER", "NODES"]).map(|nodes: String| ClusterView::parse(&nodes))
    }

    pub(super) fn info(&self, section: &[&str]) -> RedisResult<String> {
        self.server.try_query(section)
    }
}

fn server_options(options: &ClusterOptions, bus_port: u16, announced: u16) -> ServerOptions {
    let settings = [
        ("cluster-enabled", "yes".to_owned()),
        ("cluster-port", bus_port.to_string()),
        ("cluster-announce-ip", "127.0.0.1".to_owned()),
        (
            if options.tls { "cluster-announce-tls-port" } else { "cluster-announce-port" },
            announced.to_string(),
        ),
        ("cluster-node-timeout", options.node_timeout.as_millis().to_string()),
        ("cluster-require-full-coverage", "no".to_owned()),
        // The tests decide which primary a replica follows.
        ("cluster-allow-replica-migration", "no".to_owned()),
        // The defaults would make the tests wait.
        ("repl-diskless-sync-delay", "0".to_owned()),
        ("repl-ping-replica-period", "1".to_owned()),
    ];
    let password = options.password.iter().map(|password| ("masterauth", password.clone()));
    let mut args: Vec<_> =
        settings.into_iter().chain(password).flat_map(|(name, value)| [format!("--{name}"), value]).collect();
    args.extend_from_slice(&options.args);
    ServerOptions {
        append_only: options.append_only,
        password: options.password.clone(),
        tls: options.tls,
        tls_client_certificates: options.tls_client_certificates,
        args,
    }
}
