//! Checks that writes work, on an auxiliary key.

use bytes::Bytes;
use futures_util::future::try_join_all;
use handstamp_core::id::Namespace;
use handstamp_redis_client::{Client, Command, ErrorReply, RedisError, Reply, ShardId, WriteProbe, slot_of};

use crate::auxiliary_key;
use crate::key::auxiliary_key;
use crate::scripts::Scripts;

/// Does to an auxiliary key of the shard what a store does to records, past the limit of commands in flight and the breaker, on
/// a connection of its own; and waits for replicas as a store does.
///
/// # Errors
///
/// When a step fails or is denied.
pub(crate) async fn check_writes(
    client: &Client,
    scripts: &Scripts,
    namespace: &Namespace,
    shard: ShardId,
    channel: &Bytes,
) -> Result<(), RedisError> {
    if client.is_undeclared_cluster() {
        read_all_over_the_slots(client, namespace, shard).await?;
    }
    let check = WriteCheck { client, scripts, namespace, shard, channel };
    let writes = client.write_probe(shard).await?;
    let checked = check.run(&writes).await;
    if matches!(checked, Ok(()) | Err(RedisError::ErrorReply(_) | RedisError::NotReplicated)) {
        writes.keep();
    }
    checked
}

struct WriteCheck<'a> {
    client: &'a Client,
    scripts: &'a Scripts,
    namespace: &'a Namespace,
    shard: ShardId,
    channel: &'a Bytes,
}

impl WriteCheck<'_> {
    async fn run(&self, writes: &WriteProbe) -> Result<(), RedisError> {
        let mut first = 0;
        let mut redirections = 1..=MAX_REDIRECTIONS;
        loop {
            let (number, key) = auxiliary_key::find(self.client, self.namespace, PROBE, self.shard, first)?;
            match self.run_on(writes, &key).await {
                // The slot of this key is moving away, and others stay.
                Err(RedisError::ErrorReply(reply))
                    if reply.is_redirection()
                        && self.client.config().url.is_cluster()
                        && redirections.next().is_some() =>
                {
                    first = number + 1;
                }
                checked => return checked,
            }
        }
    }

    async fn run_on(&self, writes: &WriteProbe, key: &Bytes) -> Result<(), RedisError> {
        let probe = Command::script(&self.scripts.probe, key, [self.channel.clone()]);
        let (reply, was_unknown) = match writes.call(&probe).await {
            Err(RedisError::ErrorReply(reply)) if reply.is_unknown_script() => {
                let by_text = probe.with_script_text().unwrap_or(probe);
                (writes.call(&by_text).await?, true)
            }
            reply => (reply?, false),
        };
        match reply {
            Reply::Integer(1) => {}
            Reply::Integer(0) => return Err(RedisError::ErrorReply(ErrorReply::parse(CANNOT_PUBLISH))),
            _ => return Err(RedisError::UnexpectedReply),
        }
        writes.call(&Command::get_with_ttl(key.clone())).await?;
        if was_unknown {
            // Then the server lacks the other scripts, too.
            self.scripts.load(writes, key).await;
        }
        writes.wait_for_replicas().await
    }
}

/// Reads keys all over the slots: a node of a cluster that owns only some of the slots redirects the others.
async fn read_all_over_the_slots(
    client: &Client,
    namespace: &Namespace,
    shard: ShardId,
) -> Result<(), RedisError> {
    let keys = (0..SLOT_RANGES).filter_map(|range| {
        let mut keys = (0..MAX_ATTEMPTS).map(|number| auxiliary_key(namespace, PROBE, number));
        keys.find(|key| slot_of(key) / SLOTS_IN_RANGE == range)
    });
    let reads = keys.map(async |key| client.call_unlimited(shard, &Command::get_with_ttl(key)).await);
    try_join_all(reads).await?;
    Ok(())
}

/// The error reply of a server to a user who may not publish.
const CANNOT_PUBLISH: &str = "NOPERM No permissions to publish on the channel";
const PROBE: &str = "probe";
const MAX_REDIRECTIONS: u32 = 10;
const SLOT_RANGES: u16 = 16;
const SLOTS_IN_RANGE: u16 = 16_384 / SLOT_RANGES;
/// One of sixteen keys is in the range.
const MAX_ATTEMPTS: u32 = 1_000;
