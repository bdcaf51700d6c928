use std::collections::BTreeSet;

use tokio::sync::watch;

/// One of the parts that a store consists of, each of which fails, recovers and tells of its own changes by itself: a
/// primary of a cluster, with the sessions that lie there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Shard(u32);

impl Shard {
    /// The one shard of a store that consists of one.
    pub const ONLY: Self = Self(0);

    /// The shard of this number. Numbers are the store's own affair; no two shards that it ever had share one.
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

/// The shards of a store: those there are, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Shards(Source);

#[derive(Clone, Debug)]
enum Source {
    Only,
    Watched(watch::Receiver<BTreeSet<Shard>>),
    Numbered(watch::Receiver<BTreeSet<u32>>),
}

impl Shards {
    /// Those of a store that consists of [one](Shard::ONLY), for ever.
    #[must_use]
    pub const fn only() -> Self {
        Self(Source::Only)
    }

    /// Those that the other end says.
    #[must_use]
    pub const fn watched(shards: watch::Receiver<BTreeSet<Shard>>) -> Self {
        Self(Source::Watched(shards))
    }

    /// The shards of these [numbers](Shard::number), as they change.
    #[must_use]
    pub const fn numbered(numbers: watch::Receiver<BTreeSet<u32>>) -> Self {
        Self(Source::Numbered(numbers))
    }

    /// Those there are at present. There may be none, as long as the store has not been reached.
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

    /// Resolves when there are others than when they were last looked at.
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
        // Nothing will change any more.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn changes_are_told_until_there_can_be_none() {
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
