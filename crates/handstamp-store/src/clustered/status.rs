use std::collections::BTreeMap;

use crate::Shard;

/// The last known status of all shards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Status {
    shards: BTreeMap<Shard, ShardStatus>,
}

/// The last known status of a shard.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ShardStatus {
    /// Whether there is a subscription with a recent fence.
    pub(super) subscribed: bool,
    /// Whether the last check reached the shard; `None` before the first one.
    pub(super) reachable: Option<bool>,
    /// Whether writes worked in the last check of writes; `None` before the first one.
    pub(super) writable: Option<bool>,
    /// Whether writes do not work because the shard does not reply to them.
    pub(super) writes_hang: bool,
    /// Whether the wall clock of this node differs from that of the shard.
    pub(super) is_clock_skewed: bool,
}

impl Status {
    pub(super) fn shard(&self, shard: Shard) -> ShardStatus {
        self.shards.get(&shard).copied().unwrap_or_default()
    }

    pub(super) fn change(&mut self, shard: Shard, change: impl FnOnce(&mut ShardStatus)) {
        change(self.shards.entry(shard).or_default());
    }

    pub(super) fn remove(&mut self, shard: Shard) {
        self.shards.remove(&shard);
    }

    /// Whether there is a live subscription to every shard.
    pub(super) fn is_subscribed(&self) -> bool {
        self.all(|shard| shard.subscribed)
    }

    /// Whether all shards can be reached and accept writes.
    pub(super) fn is_healthy(&self) -> bool {
        self.all(ShardStatus::is_healthy)
    }

    /// Whether a shard can be reached and accepts writes.
    pub(super) fn is_partly_healthy(&self) -> bool {
        self.shards.values().any(ShardStatus::is_healthy)
    }

    /// Whether all shards can be reached.
    pub(super) fn is_reachable(&self) -> bool {
        self.all(|shard| shard.reachable == Some(true))
    }

    /// Whether a shard can be reached.
    pub(super) fn is_partly_reachable(&self) -> bool {
        self.shards.values().any(|shard| shard.reachable == Some(true))
    }

    /// Whether a shard accepts writes.
    pub(super) fn is_partly_writable(&self) -> bool {
        self.shards.values().any(|shard| shard.writable == Some(true))
    }

    /// Whether no shard accepts writes as far as the node knows, and at least one can be reached or has rejected writes.
    pub(super) fn is_unwritable(&self) -> bool {
        let accepts_none = |shard: &ShardStatus| match shard.writable {
            Some(writable) => !writable,
            None => shard.reachable == Some(true),
        };
        !self.is_partly_writable() && self.shards.values().any(accepts_none)
    }

    /// Whether there is a live subscription to every shard, and the first checks of all shards have ended.
    pub(super) fn is_settled(&self) -> bool {
        self.all(|shard| match shard.reachable {
            Some(true) => shard.subscribed && shard.writable.is_some(),
            Some(false) => shard.subscribed,
            None => false,
        })
    }

    /// Whether this node's wall clock is far from a shard's.
    pub(super) fn is_clock_skewed(&self) -> bool {
        self.shards.values().any(|shard| shard.is_clock_skewed)
    }

    /// False as long as no shard is known.
    fn all(&self, is_so: impl FnMut(&ShardStatus) -> bool) -> bool {
        !self.shards.is_empty() && self.shards.values().all(is_so)
    }
}

impl ShardStatus {
    fn is_healthy(&self) -> bool {
        self.reachable == Some(true) && self.writable == Some(true)
    }
}
