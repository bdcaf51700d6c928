use handstamp_app::{InvalidationTransport, Node, Settings};
use subjects::Error;

use super::load::{Load, empty};
use super::reader::Reader;
use super::server::Server;
use crate::results::ServerCost;

/// Writes of one node to sessions that others have read, with the commands of a load. The server announces each write to these
/// readers, and they load the session again.
pub(super) async fn measure(most: usize, blocks: usize) -> Result<Vec<ServerCost>, Error> {
    let mut server = Server::start().await?;
    let node = Node::start(&settings(&server, 0)).await?;
    let load = Load::new(subjects::around(&node), "/write").await?;
    let mut rows = Vec::new();
    for others in [0, 1, most / 3, most] {
        eprintln!("growth: writes, {others} readers with tracking");
        let mut readers = Vec::new();
        for _ in 0..others {
            readers.push(Reader::track(&server.url()).await?);
        }
        let mut costs = empty("tracking");
        let received = || readers.iter().map(Reader::received).sum();
        load.measure(&mut costs, &mut server.statistics, blocks, received).await?;
        rows.extend(costs);
    }
    Ok(rows)
}

/// Writes of one of several real nodes. After each, one of the others reads the session.
pub(super) async fn with_nodes(count: usize, blocks: usize) -> Result<Vec<ServerCost>, Error> {
    eprintln!("growth: writes, {count} nodes with tracking");
    let mut server = Server::start().await?;
    let mut nodes = Vec::new();
    for number in 0..count {
        nodes.push(Node::start(&settings(&server, number)).await?);
    }
    let mut load = Load::new(subjects::around(&nodes[0]), "/write").await?;
    load.readers = nodes[1..].iter().map(subjects::around).collect();
    let mut costs = empty("tracking");
    // Not those to the node that writes.
    let received = || nodes[1..].iter().map(Node::received_messages).sum::<u64>() as f64;
    load.measure(&mut costs, &mut server.statistics, blocks, received).await?;
    Ok(costs.into())
}

fn settings(server: &Server, number: usize) -> Settings {
    let invalidation = InvalidationTransport::Tracking;
    Settings { invalidation, node_id: format!("node-{number}"), ..Settings::on_redis(&server.url()) }
}
