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
    /// Whether there is a subscription, and a recent proof that it is alive.
    pub(super) running: bool,
    /// Whether the shard could be reached when it was last asked; `None` before the first time.
    pub(super) reachable: Option<bool>,
    /// Whether writes worked when that was last found out; `None` before the first time.
    pub(super) writable: Option<bool>,
    /// Whether they do not work because the shard does not reply to them.
    pub(super) writes_hang: bool,
    /// Whether this node's wall clock is far from the shard's.
    pub(super) is_clock_skewed: bool,
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

    /// Whether there is a live subscription to every shard.
    pub(super) fn is_running(&self) -> bool {
        self.all(|shard| shard.running)
    }

    /// Whether all shards could be reached, and are known to take writes.
    pub(super) fn is_healthy(&self) -> bool {
        self.all(ShardStatus::is_healthy)
    }

    /// Whether a shard could be reached, and is known to take writes.
    pub(super) fn is_healthy_in_part(&self) -> bool {
        self.shards.values().any(ShardStatus::is_healthy)
    }

    /// Whether all shards could be reached.
    pub(super) fn is_reachable(&self) -> bool {
        self.all(|shard| shard.reachable == Some(true))
    }

    /// Whether a shard could be reached.
    pub(super) fn is_reachable_in_part(&self) -> bool {
        self.shards.values().any(|shard| shard.reachable == Some(true))
    }

    /// Whether a shard takes writes.
    pub(super) fn is_writable_in_part(&self) -> bool {
        self.shards.values().any(|shard| shard.writable == Some(true))
    }

    /// Whether a shard can be reached or is known to take no writes, and none is known to take them.
    pub(super) fn lacks_writes(&self) -> bool {
        let of_no_use = |shard: &ShardStatus| match shard.writable {
            Some(writable) => !writable,
            None => shard.reachable == Some(true),
        };
        !self.is_writable_in_part() && self.shards.values().any(of_no_use)
    }

    /// Whether there is a live subscription to every shard, and it is known whether all can be reached and written to.
    pub(super) fn is_settled(&self) -> bool {
        self.all(|shard| match shard.reachable {
            Some(true) => shard.running && shard.writable.is_some(),
            Some(false) => shard.running,
            None => false,
        })
    }

    /// Whether this node's wall clock is far from a shard's.
    pub(super) fn is_clock_off(&self) -> bool {
        self.shards.values().any(|shard| shard.is_clock_skewed)
    }

    /// As long as there are none, nothing is known.
    fn all(&self, is_so: impl FnMut(&ShardStatus) -> bool) -> bool {
        !self.shards.is_empty() && self.shards.values().all(is_so)
    }
}

impl ShardStatus {
    fn is_healthy(&self) -> bool {
        self.reachable == Some(true) && self.writable == Some(true)
    }
}
