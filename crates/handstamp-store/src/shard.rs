use std::collections::BTreeSet;

use tokio::sync::watch;

/// A part of a store that fails and recovers independently, and publishes the invalidations of its own sessions: a primary of a cluster,
/// for example.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Shard(u32);

impl Shard {
    /// The shard of a store that has one.
    pub const ONLY: Self = Self(0);

    /// The shard with this number. The store assigns the numbers, and never uses one for another shard again.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The shards of a store, as they come and go. A clone reports the same changes.
#[derive(Clone, Debug)]
pub struct Shards(Option<watch::Receiver<BTreeSet<u32>>>);

/// Announces the shards of a store to all [`Shards`] of its channel. When it is dropped, they stay as they are.
#[derive(Debug)]
pub struct ShardsSender(watch::Sender<BTreeSet<u32>>);

impl Shards {
    /// The [shard](Shard::ONLY) of a store that always has one.
    #[must_use]
    pub const fn only() -> Self {
        Self(None)
    }

    /// The shards that a sender announces. At first, there are none.
    ///
    /// ```
    /// use handstamp_store::{Shard, Shards};
    ///
    /// let (sender, mut shards) = Shards::channel();
    /// sender.send([Shard::new(1), Shard::new(2)]);
    /// assert_eq!(shards.current().len(), 2);
    /// ```
    #[must_use]
    pub fn channel() -> (ShardsSender, Self) {
        let (sender, receiver) = watch::channel(BTreeSet::new());
        (ShardsSender(sender), Self(Some(receiver)))
    }

    /// The shards with the [numbers](Shard::number) that a channel of tokio announces, for a store that has one already.
    #[must_use]
    pub const fn numbered(numbers: watch::Receiver<BTreeSet<u32>>) -> Self {
        Self(Some(numbers))
    }

    /// The present shards. There may be none until the store has been reached.
    #[must_use]
    pub fn current(&mut self) -> BTreeSet<Shard> {
        match &mut self.0 {
            None => BTreeSet::from([Shard::ONLY]),
            Some(numbers) => numbers.borrow_and_update().iter().copied().map(Shard::new).collect(),
        }
    }

    /// Resolves when the shards differ from those that [`current`](Self::current) last returned.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn changed(&mut self) {
        if let Some(numbers) = &mut self.0
            && numbers.changed().await.is_ok()
        {
            return;
        }
        // They cannot change any more.
        std::future::pending::<()>().await;
    }
}

impl ShardsSender {
    /// Announces that these are the shards now.
    pub fn send(&self, shards: impl IntoIterator<Item = Shard>) {
        let shards: BTreeSet<_> = shards.into_iter().map(Shard::number).collect();
        self.0.send_if_modified(|present| {
            let is_modified = *present != shards;
            *present = shards;
            is_modified
        });
    }

    /// The shards that this announces.
    #[must_use]
    pub fn subscribe(&self) -> Shards {
        Shards(Some(self.0.subscribe()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn changes_are_reported_as_long_as_there_is_a_sender() {
        let (sender, mut shards) = Shards::channel();
        assert!(shards.current().is_empty());
        assert!(shards.changed().now_or_never().is_none());
        sender.send([Shard::new(7)]);
        shards.changed().await;
        assert_eq!(shards.current(), BTreeSet::from([Shard::new(7)]));
        sender.send([Shard::new(7)]);
        assert!(shards.changed().now_or_never().is_none());
        assert_eq!(sender.subscribe().current(), shards.current());
        drop(sender);
        assert!(shards.changed().now_or_never().is_none());
        assert!(Shards::only().changed().now_or_never().is_none());
    }
}
