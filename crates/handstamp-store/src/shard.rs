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

/// The shards of a store, as they come and go.
#[derive(Clone, Debug)]
pub struct Shards(Source);

#[derive(Clone, Debug)]
enum Source {
    Only,
    Watched(watch::Receiver<BTreeSet<Shard>>),
    Numbered(watch::Receiver<BTreeSet<u32>>),
}

impl Shards {
    /// The [shard](Shard::ONLY) of a store that always has one.
    #[must_use]
    pub const fn only() -> Self {
        Self(Source::Only)
    }

    /// The shards that the sender sends.
    #[must_use]
    pub const fn watched(shards: watch::Receiver<BTreeSet<Shard>>) -> Self {
        Self(Source::Watched(shards))
    }

    /// The shards with the [numbers](Shard::number) that the sender sends.
    #[must_use]
    pub const fn numbered(numbers: watch::Receiver<BTreeSet<u32>>) -> Self {
        Self(Source::Numbered(numbers))
    }

    /// The present shards. There may be none until the store has been reached.
    #[must_use]
    pub fn current(&mut self) -> BTreeSet<Shard> {
        match &mut self.0 {
            Source::Only => BTreeSet::from([Shard::ONLY]),
            Source::Watched(shards) => shards.borrow_and_update().clone(),
            Source::Numbered(numbers) => {
                numbers.borrow_and_update().iter().copied().map(Shard::new).collect()
            }
        }
    }

    /// Resolves when the shards differ from those that [`current`](Self::current) last returned.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn changed(&mut self) {
        let changed = match &mut self.0 {
            Source::Only => false,
            Source::Watched(shards) => shards.changed().await.is_ok(),
            Source::Numbered(numbers) => numbers.changed().await.is_ok(),
        };
        if changed {
            return;
        }
        // They cannot change any more.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn changes_are_reported_as_long_as_there_is_a_sender() {
        let (sender, receiver) = watch::channel(BTreeSet::new());
        let mut shards = Shards::watched(receiver);
        assert!(shards.current().is_empty());
        assert!(shards.changed().now_or_never().is_none());
        sender.send_modify(|shards| _ = shards.insert(Shard::new(7)));
        shards.changed().await;
        assert_eq!(shards.current(), BTreeSet::from([Shard::new(7)]));
        drop(sender);
        assert!(shards.changed().now_or_never().is_none());
        assert!(Shards::only().changed().now_or_never().is_none());
    }
}
