mod bare;
mod costs;
mod handling;
mod latency;
mod messages;

use handstamp_testkit::RedisServer;
use subjects::Error;

use crate::cpu::pin;
use crate::quiet::Quiet;
use crate::results::Invalidations;

pub(crate) use self::bare::{BARE_FRED, BARE_REDIS_RS};

/// How soon a change takes effect on another node, and what a message costs a node that receives it. Nodes and bare clients have one
/// core, Redis has the other.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Invalidations, Error> {
    pin(1)?;
    let redis = RedisServer::start().await;
    pin(0)?;
    let changes = if quick { 300 } else { 3_000 };
    eprintln!("invalidations: {changes} changes");
    let latencies = latency::measure(&redis.url(), changes, quiet).await?;
    let blocks = if quick { 3 } else { 11 };
    let costs = costs::measure(&redis.url(), blocks, quiet).await?;
    let handling = handling::measure(if quick { 51 } else { 501 }, quiet).await?;
    Ok(Invalidations { latencies, costs, handling })
}
