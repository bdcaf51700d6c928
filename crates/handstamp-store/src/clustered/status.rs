use std::collections::BTreeMap;

use crate::Shard;

/// What the coordinator last knew of each shard.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Status {
    shards: BTreeMap<Shard, ShardStatus>,
}

/// What the listener of a shard last knew.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ShardStatus {
    /// Whether there is a subscription, and a proof that it is alive.
    pub(super) running: bool,
    /// Whether the shard could be reached when it was last asked; `None` before the first time.
    pub(super) reachable: Option<bool>,
}

impl Status {
    pub(super) fn of(&self, shard: Shard) -> ShardStatus {
        self.shards.get(&shard).copied().unwrap_or_default()
    }

    pub(super) fn change(&mut self, shard: Shard, change: impl FnOnce(&mut ShardStatus)) {
        change(self.shards.entry(shard).or_default());
    }

    pub(super) fn remove(&mut self, shard: Shard) {
        self.shards.remove(&shard);
    }

    /// Whether all shards are listened to.
    pub(super) fn is_running(&self) -> bool {
        self.all(|shard| shard.running)
    }

    /// Whether all shards could be reached.
    pub(super) fn is_reachable(&self) -> bool {
        self.all(|shard| shard.reachable == Some(true))
    }

    /// Whether a shard could be reached.
    pub(super) fn is_reachable_in_part(&self) -> bool {
        self.shards.values().any(|shard| shard.reachable == Some(true))
    }

    /// Whether all shards are listened to, and have been asked.
    pub(super) fn is_settled(&self) -> bool {
        self.all(|shard| shard.running && shard.reachable.is_some())
    }

    /// As long as there are none, nothing is known.
    fn all(&self, is_so: impl FnMut(&ShardStatus) -> bool) -> bool {
        !self.shards.is_empty() && self.shards.values().all(is_so)
    }
}
