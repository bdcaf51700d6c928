use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_core::id::SessionKey;
use handstamp_store::{Shard, Shards, ShardsSender};
use parking_lot::Mutex;

/// The shards of a store, and the sessions of each. Clones are the same layout; the stores and buses of all nodes share it.
///
/// The first byte of its key assigns a session to a shard.
#[derive(Clone, Debug)]
pub struct ShardLayout(Arc<Layout>);

struct Layout {
    present: ShardsSender,
    owners: Mutex<[Owner; 256]>,
    /// How often each shard has lost sessions to another one.
    losses: BTreeMap<Shard, AtomicUsize>,
}

/// The shard of the sessions whose keys have the same first byte.
#[derive(Clone, Copy)]
struct Owner {
    actual: Shard,
    /// The shard that the stores know of.
    known: Shard,
}

impl ShardLayout {
    /// A layout of `count` shards, all present. First bytes are assigned in turn: 0 to the first shard, 1 to the second, and so on.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or above 256.
    #[must_use]
    pub fn new(count: usize) -> Self {
        assert!((1..=256).contains(&count), "a layout has from 1 to 256 shards, not {count}");
        let shards: Vec<_> = (0..).map(Shard::new).take(count).collect();
        let (present, _) = Shards::channel();
        present.send(shards.iter().copied());
        Self(Arc::new(Layout {
            present,
            owners: Mutex::new(std::array::from_fn(|byte| Owner::known(shards[byte % count]))),
            losses: shards.iter().map(|shard| (*shard, AtomicUsize::new(0))).collect(),
        }))
    }

    /// All shards of the layout in order, also absent ones.
    #[must_use]
    pub fn all(&self) -> Vec<Shard> {
        self.0.losses.keys().copied().collect()
    }

    /// The shard that has a session, as far as the stores know, whether it is present or not.
    #[must_use]
    pub fn shard_of(&self, key: &SessionKey) -> Shard {
        self.0.owners.lock()[first_byte(key)].known
    }

    /// The shard that has a session. The stores know it from now on.
    pub(super) fn find(&self, key: &SessionKey) -> Shard {
        let owner = &mut self.0.owners.lock()[first_byte(key)];
        owner.known = owner.actual;
        owner.actual
    }

    /// From now on the shard is absent. Its store and bus work as before.
    pub fn remove(&self, shard: Shard) {
        let mut present = self.shards().current();
        present.remove(&shard);
        self.0.present.send(present);
    }

    /// From now on the shard is present.
    pub fn add(&self, shard: Shard) {
        let mut present = self.shards().current();
        present.insert(shard);
        self.0.present.send(present);
    }

    /// Moves this session, and all whose keys begin with the same byte, to another shard. The next fence of each subscription to the
    /// losing shard reports it. Records are not copied.
    ///
    /// # Panics
    ///
    /// If the layout has no such shard.
    pub fn give(&self, key: &SessionKey, to: Shard) {
        self.give_unnoticed(key, to);
        self.find(key);
    }

    /// Like [`give`](Self::give), but the stores learn of it with their next call for one of these sessions, as from a redirection.
    ///
    /// # Panics
    ///
    /// As with [`give`](Self::give).
    pub fn give_unnoticed(&self, key: &SessionKey, to: Shard) {
        assert!(self.0.losses.contains_key(&to), "the layout has no {to:?}");
        let from = std::mem::replace(&mut self.0.owners.lock()[first_byte(key)].actual, to);
        if from != to {
            part(&self.0.losses, from).fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often the shard has lost sessions.
    pub(super) fn losses(&self, shard: Shard) -> usize {
        part(&self.0.losses, shard).load(Ordering::SeqCst)
    }

    pub(super) fn shards(&self) -> Shards {
        self.0.present.subscribe()
    }

    pub(super) fn first(&self) -> Shard {
        self.all()[0]
    }

    /// Assigns one part to each shard.
    pub(super) fn assign<T>(&self, parts: impl IntoIterator<Item = T>) -> Arc<BTreeMap<Shard, T>> {
        let parts: BTreeMap<_, _> = self.all().into_iter().zip(parts).collect();
        assert_eq!(parts.len(), self.0.losses.len(), "the layout has more shards than there are parts");
        Arc::new(parts)
    }
}

impl Owner {
    const fn known(shard: Shard) -> Self {
        Self { actual: shard, known: shard }
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("present", &self.present).finish_non_exhaustive()
    }
}

pub(super) fn part<T>(parts: &BTreeMap<Shard, T>, shard: Shard) -> &T {
    parts.get(&shard).unwrap_or_else(|| panic!("the layout has no {shard:?}"))
}

fn first_byte(key: &SessionKey) -> usize {
    usize::from(key.as_bytes()[0])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use handstamp_store::{Bus, FenceOutcome, MemoryBus, MemoryStore, Records, Subscription, Topology};

    use super::*;
    use crate::{ShardedBus, ShardedStore};

    #[tokio::test]
    async fn a_shard_that_loses_sessions_reports_it_once() {
        let layout = ShardLayout::new(2);
        let [one, two] = layout.all()[..] else { panic!("two shards") };
        let bus = ShardedBus::new(&layout, [MemoryBus::new(), MemoryBus::new()]);
        let (loser, winner) =
            (bus.subscribe(one).await.expect("one"), bus.subscribe(two).await.expect("two"));
        let key = SessionKey::from_bytes([0; SessionKey::LEN]);
        for (owner, expected) in
            [(one, FenceOutcome::Complete), (two, FenceOutcome::OwnershipLost), (two, FenceOutcome::Complete)]
        {
            layout.give(&key, owner);
            assert_eq!(layout.shard_of(&key), owner);
            assert_eq!(loser.fence().await.expect("a fence"), expected);
            assert_eq!(winner.fence().await.expect("a fence"), FenceOutcome::Complete);
        }
        let late = bus.subscribe(one).await.expect("one");
        assert_eq!(
            late.fence().await.expect("a fence"),
            FenceOutcome::Complete,
            "the loss was before this subscription"
        );
    }

    #[tokio::test]
    async fn the_next_call_finds_an_unnoticed_move() {
        let layout = ShardLayout::new(2);
        let [one, two] = layout.all()[..] else { panic!("two shards") };
        let store = ShardedStore::new(&layout, [(); 2].map(|()| MemoryStore::new(MemoryBus::new())));
        let key = SessionKey::from_bytes([0; SessionKey::LEN]);
        layout.give_unnoticed(&key, two);
        assert_eq!(store.shard_of(&key), one);
        assert_eq!(store.load(&key).await.expect("a reply"), None);
        assert_eq!(store.shard_of(&key), two);
    }

    #[test]
    fn a_shard_is_removed_and_added() {
        let layout = ShardLayout::new(2);
        let [one, two] = layout.all()[..] else { panic!("two shards") };
        let mut shards = layout.shards();
        for (change, expected) in [
            (ShardLayout::remove as fn(&ShardLayout, Shard), BTreeSet::from([one])),
            (ShardLayout::add, BTreeSet::from([one, two])),
        ] {
            change(&layout, two);
            assert_eq!(shards.current(), expected);
        }
    }
}
