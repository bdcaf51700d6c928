mod cluster;
mod load;
mod memory;
mod pubsub;
mod reader;
mod server;
mod subscribers;
mod tracking;

use subjects::Error;

use crate::cpu::pin;
use crate::quiet::Quiet;
use crate::results::Growth;

/// What a server spends on writes, messages and loads, and how much memory it takes: the report computes from these what a fleet
/// costs that does not fit on this machine. Servers have one core; nodes, subscribers and readers have the other.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Growth, Error> {
    let blocks = if quick { 2 } else { 7 };
    let most_subscribers = if quick { 100 } else { 300 };
    pin(0)?;
    let cpu = quiet.wait().await?;
    let pubsub = pubsub::measure(most_subscribers, blocks).await?;
    quiet.ended(&cpu)?;
    let cpu = quiet.wait().await?;
    let most_readers = if quick { 10 } else { 30 };
    let tracking = tracking::measure(most_readers, blocks).await?;
    let loads = pubsub::with_loads(most_readers, blocks).await?;
    quiet.ended(&cpu)?;
    let cpu = quiet.wait().await?;
    let cluster = cluster::measure(most_subscribers / 3, blocks).await?;
    quiet.ended(&cpu)?;
    let cpu = quiet.wait().await?;
    let mut checks = pubsub::with_nodes(NODES, blocks).await?;
    checks.extend(tracking::with_nodes(NODES, blocks).await?);
    quiet.ended(&cpu)?;
    let memory = memory::measure(if quick { 20_000 } else { 200_000 }).await?;
    Ok(Growth { pubsub, tracking, loads, cluster, checks, memory })
}

/// Real nodes in one process.
const NODES: usize = 20;
