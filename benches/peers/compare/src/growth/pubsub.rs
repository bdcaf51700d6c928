use handstamp_app::{Node, Settings};
use subjects::Error;

use super::load::{Load, empty};
use super::reader::Reader;
use super::server::Server;
use super::subscribers::Subscribers;
use crate::results::ServerCost;

/// Writes of one node, with bare subscribers on its channel beside itself.
pub(super) async fn measure(most: usize, blocks: usize) -> Result<Vec<ServerCost>, Error> {
    let mut server = Server::start().await?;
    let settings = Settings::on_redis(&server.url());
    let node = Node::start(&settings).await?;
    let load = Load::new(subjects::around(&node), "/write").await?;
    let channel = format!("{}:invalidate", settings.namespace);
    let mut rows = Vec::new();
    for others in [0, most / 30, most / 10, most / 3, most] {
        eprintln!("growth: writes, {} subscribers", others + 1);
        let subscribers = Subscribers::start(server.redis.port(), "SUBSCRIBE", &channel, others).await?;
        let mut costs = empty("Pub/Sub");
        load.measure(&mut costs, &mut server.statistics, blocks, || 0.0).await?;
        subscribers.check()?;
        // All of them receive every write.
        for cost in &mut costs {
            cost.receivers.fill(others as f64 + 1.0);
        }
        rows.extend(costs);
    }
    Ok(rows)
}

/// Writes of one node, with subscribers that load a session after each message.
pub(super) async fn with_loads(most: usize, blocks: usize) -> Result<Vec<ServerCost>, Error> {
    let mut server = Server::start().await?;
    let settings = Settings::on_redis(&server.url());
    let node = Node::start(&settings).await?;
    let load = Load::new(subjects::around(&node), "/write").await?;
    let channel = format!("{}:invalidate", settings.namespace);
    let mut rows = Vec::new();
    for others in [0, 1, most / 3, most] {
        eprintln!("growth: writes, {others} subscribers that load");
        let mut readers = Vec::new();
        for _ in 0..others {
            readers.push(Reader::subscribe(&server.url(), &channel).await?);
        }
        let mut costs = empty("Pub/Sub and loads");
        let received = || readers.iter().map(Reader::received).sum();
        load.measure(&mut costs, &mut server.statistics, blocks, received).await?;
        rows.extend(costs);
    }
    Ok(rows)
}

/// Writes of one of several real nodes.
pub(super) async fn with_nodes(count: usize, blocks: usize) -> Result<Vec<ServerCost>, Error> {
    eprintln!("growth: writes, {count} nodes");
    let mut server = Server::start().await?;
    let mut nodes = Vec::new();
    for number in 0..count {
        let node_id = format!("node-{number}");
        nodes.push(Node::start(&Settings { node_id, ..Settings::on_redis(&server.url()) }).await?);
    }
    let load = Load::new(subjects::around(&nodes[0]), "/write").await?;
    let mut costs = empty("Pub/Sub");
    let received = || nodes.iter().map(Node::received_messages).sum::<u64>() as f64;
    load.measure(&mut costs, &mut server.statistics, blocks, received).await?;
    Ok(costs.into())
}
