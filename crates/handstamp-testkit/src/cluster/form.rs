use std::time::Duration;

use futures_util::future::join_all;

use super::node::Node;
use super::{ClusterOptions, RedisCluster};
use crate::Certificates;

/// Starts the nodes and forms a cluster, using only the commands of the server.
pub(super) async fn form(options: ClusterOptions) -> RedisCluster {
    let primaries = options.primaries;
    let count = primaries * (1 + options.replicas_each);
    let certificates = options.tls.then(Certificates::new);
    let nodes = join_all((0..count).map(|_| Node::start(&options, certificates.as_ref()))).await;
    let cluster = RedisCluster { nodes, options, certificates };
    for (index, node) in cluster.nodes.iter().enumerate() {
        // Different epochs, so that the nodes need not resolve a conflict.
        node.server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        // While the cluster forms, the nodes gossip often, and no failover happens.
        node.configure(FORMING_NODE_TIMEOUT, "yes");
        if index < primaries {
            let [first, last] = [index, index + 1].map(|share| SLOTS * share / primaries);
            let (first, last) = (first.to_string(), (last - 1).to_string());
            node.server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
    }
    cluster.meet_all().await;
    for (index, node) in cluster.nodes.iter().enumerate().skip(primaries) {
        node.server.command(&["CLUSTER", "REPLICATE", cluster.id(index % primaries)]);
    }
    cluster.until_ok().await;
    cluster.nodes.iter().for_each(|node| node.configure(cluster.options.node_timeout, "no"));
    cluster
}

/// Nodes ping each other twice within their timeout.
const FORMING_NODE_TIMEOUT: Duration = Duration::from_millis(500);
/// The number of hash slots of a cluster.
pub(super) const SLOTS: usize = 16_384;
