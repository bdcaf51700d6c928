//! Whether writes work, tried on a key beside the records.

use bytes::Bytes;
use futures_util::future::try_join_all;
use handstamp_core::id::Namespace;
use handstamp_store::Shard;

use crate::driver::{Request, slot_of};
use crate::limit::Limit;
use crate::scripts::Scripts;
use crate::server::WriteProbe;
use crate::topology::Topology;
use crate::{RedisError, Refusal, beside, name};

/// Does what a store does to records, in this shard, past the limit of commands in flight and the breaker, and on a connection of
/// its own; and waits for replicas as it does.
///
/// # Errors
///
/// When some of it fails or is denied.
pub(crate) async fn check_writes(
    topology: &Topology,
    scripts: &Scripts,
    namespace: &Namespace,
    shard: Shard,
    channel: &Bytes,
) -> Result<(), RedisError> {
    if topology.is_cluster_unawares() {
        read_everywhere(topology, namespace, shard).await?;
    }
    let primary = topology.primary(shard)?;
    let writes = primary.server().write_probe().await?;
    let checked = try_writes(topology, &writes, scripts, namespace, shard, channel).await;
    if matches!(checked, Ok(()) | Err(RedisError::Refused(_) | RedisError::NotReplicated)) {
        writes.keep();
    }
    checked
}

async fn try_writes(
    topology: &Topology,
    writes: &WriteProbe<'_>,
    scripts: &Scripts,
    namespace: &Namespace,
    shard: Shard,
    channel: &Bytes,
) -> Result<(), RedisError> {
    let mut first = 0;
    let mut tries = 1..=MOST_REDIRECTIONS;
    loop {
        let (number, name) = beside::find(topology, namespace, PROBE, shard, first)?;
        match try_on(topology, writes, scripts, &name, channel).await {
            // The slot of the key moves elsewhere, and others stay.
            Err(RedisError::Refused(refusal))
                if refusal.redirection().is_some() && topology.is_cluster() && tries.next().is_some() =>
            {
                first = number + 1;
            }
            tried => return tried,
        }
    }
}

async fn try_on(
    topology: &Topology,
    writes: &WriteProbe<'_>,
    scripts: &Scripts,
    name: &Bytes,
    channel: &Bytes,
) -> Result<(), RedisError> {
    let (outcome, was_lacking) = scripts.probe.run_aside(writes, name, [channel.clone()]).await?;
    match outcome {
        1 => {}
        0 => return Err(RedisError::Refused(Refusal::cannot_publish())),
        _ => return Err(RedisError::Protocol),
    }
    writes.call(Request::Load(name.clone()), Limit::Read).await?;
    if was_lacking {
        // Then it lacks the others, too.
        scripts.send(writes, name).await;
    }
    match topology.replicas_to_wait_for() {
        0 => Ok(()),
        replicas => writes.replicated(replicas).await,
    }
}

/// Reads keys from all over the slots: a server of a cluster that has only some of the slots redirects the others.
async fn read_everywhere(topology: &Topology, namespace: &Namespace, shard: Shard) -> Result<(), RedisError> {
    let keys = (0..SLOT_RANGES).filter_map(|range| {
        let mut names = (0..MOST_TRIED).map(|number| name::beside(namespace, PROBE, number));
        names.find(|name| slot_of(name) / SLOTS_IN_RANGE == range)
    });
    try_join_all(keys.map(|key| topology.call_aside(shard, Request::Load(key), Limit::Read))).await?;
    Ok(())
}

const PROBE: &str = "probe";
const MOST_REDIRECTIONS: u32 = 10;
const SLOT_RANGES: u16 = 16;
const SLOTS_IN_RANGE: u16 = 16_384 / SLOT_RANGES;
/// One of sixteen keys lies in the range.
const MOST_TRIED: u32 = 1_000;
