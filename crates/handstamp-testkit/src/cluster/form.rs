use std::time::Duration;

use futures_util::future::join_all;

use super::node::Node;
use super::{ClusterOptions, RedisCluster};
use crate::Certificates;

/// Starts the nodes and makes them a cluster, without any tool but the nodes' own commands.
pub(super) async fn form(options: ClusterOptions) -> RedisCluster {
    let primaries = options.primaries;
    let count = primaries * (1 + options.replicas_each);
    let certificates = options.tls.then(Certificates::new);
    let nodes = join_all((0..count).map(|_| Node::start(&options, certificates.as_ref()))).await;
    let cluster = RedisCluster { nodes, options, certificates };
    for (index, node) in cluster.nodes.iter().enumerate() {
        // Each its own, so that they need not negotiate.
        node.server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        // Until all know each other, they ask each other often, and none takes over from another.
        node.configure(TALKATIVE, "yes");
        if index < primaries {
            let [first, last] = [index, index + 1].map(|share| SLOTS * share / primaries);
            let (first, last) = (first.to_string(), (last - 1).to_string());
            node.server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
    }
    cluster.introduce().await;
    for (index, node) in cluster.nodes.iter().enumerate().skip(primaries) {
        node.server.command(&["CLUSTER", "REPLICATE", cluster.id(index % primaries)]);
    }
    cluster.until_ok().await;
    cluster.nodes.iter().for_each(|node| node.configure(cluster.options.node_timeout, "no"));
    cluster
}

/// They ask each other twice within it.
const TALKATIVE: Duration = Duration::from_millis(500);
/// Of every cluster.
pub(super) const SLOTS: usize = 16_384;
