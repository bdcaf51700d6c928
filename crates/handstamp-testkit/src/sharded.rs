use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    Bus, BusError, BusEvent, CreateOutcome, DeleteOutcome, DeleteScope, FenceOutcome, SaveOutcome, Shard,
    Shards, Store, StoreError, Stored, Subscription, TombstoneOutcome, TouchOutcome,
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Which shards there are, and which sessions lie where. Clones are the same layout, and so are the stores and buses
/// that are made with it: those of all nodes of a cluster.
///
/// Sessions are told apart by the first byte of their keys.
#[derive(Clone, Debug)]
pub struct ShardLayout(Arc<Layout>);

struct Layout {
    present: watch::Sender<BTreeSet<Shard>>,
    owners: Mutex<[Owner; 256]>,
    /// How often each shard has lost sessions to another.
    losses: BTreeMap<Shard, AtomicUsize>,
}

/// Where the sessions with one first byte lie.
#[derive(Clone, Copy)]
struct Owner {
    is: Shard,
    /// What is known before somebody finds out.
    was: Shard,
}

impl ShardLayout {
    /// So many shards, all of which are there. The first bytes are dealt out in turn: 0 to the first, 1 to the second,
    /// and so on.
    ///
    /// # Panics
    ///
    /// When there shall be none, or more than there are first bytes.
    #[must_use]
    pub fn new(count: usize) -> Self {
        assert!((1..=256).contains(&count), "a layout has from 1 to 256 shards, not {count}");
        let shards: Vec<_> = (0..).map(Shard::new).take(count).collect();
        Self(Arc::new(Layout {
            present: watch::Sender::new(shards.iter().copied().collect()),
            owners: Mutex::new(std::array::from_fn(|byte| Owner::known(shards[byte % count]))),
            losses: shards.iter().map(|shard| (*shard, AtomicUsize::new(0))).collect(),
        }))
    }

    /// All shards of the layout, those that are not there included, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Shard> {
        self.0.losses.keys().copied().collect()
    }

    /// The shard that a session lies in as far as is known, whether that is there or not.
    #[must_use]
    pub fn shard_of(&self, key: &SessionKey) -> Shard {
        self.0.owners.lock()[first_byte(key)].was
    }

    /// The shard that a session lies in. Who asks there knows from then on.
    fn find(&self, key: &SessionKey) -> Shard {
        let owner = &mut self.0.owners.lock()[first_byte(key)];
        owner.was = owner.is;
        owner.is
    }

    /// From now on the shard is none of those that are told of. What is inside answers as before.
    pub fn remove(&self, shard: Shard) {
        self.0.present.send_if_modified(|present| present.remove(&shard));
    }

    /// From now on the shard is one of those that are told of.
    pub fn add(&self, shard: Shard) {
        self.0.present.send_if_modified(|present| present.insert(shard));
    }

    /// From now on this session, and all whose keys begin with the same byte, lie in another shard. The next fence of
    /// each subscription to the one that loses them says so. Records stay where they are.
    ///
    /// # Panics
    ///
    /// When the layout has no such shard.
    pub fn give(&self, key: &SessionKey, to: Shard) {
        self.give_unnoticed(key, to);
        self.find(key);
    }

    /// As [`give`](Self::give), but the stores only learn of it with the next call that concerns one of these sessions,
    /// as from a server that redirects them.
    ///
    /// # Panics
    ///
    /// As with [`give`](Self::give).
    pub fn give_unnoticed(&self, key: &SessionKey, to: Shard) {
        assert!(self.0.losses.contains_key(&to), "the layout has no {to:?}");
        let from = std::mem::replace(&mut self.0.owners.lock()[first_byte(key)].is, to);
        if from != to {
            self.losses(from).fetch_add(1, Ordering::SeqCst);
        }
    }

    fn losses(&self, shard: Shard) -> &AtomicUsize {
        part(&self.0.losses, shard)
    }

    fn side_by_side<T>(&self, parts: impl IntoIterator<Item = T>) -> Arc<BTreeMap<Shard, T>> {
        let parts: BTreeMap<_, _> = self.all().into_iter().zip(parts).collect();
        assert_eq!(parts.len(), self.0.losses.len(), "there are not enough parts for the layout");
        Arc::new(parts)
    }
}

impl Owner {
    const fn known(is: Shard) -> Self {
        Self { is, was: is }
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("present", &*self.present.borrow()).finish_non_exhaustive()
    }
}

/// Several stores as the shards of one. Each of them holds itself for the only one.
#[derive(Debug)]
pub struct ShardedStore<S> {
    layout: ShardLayout,
    parts: Arc<BTreeMap<Shard, S>>,
}

impl<S> ShardedStore<S> {
    /// The `parts` as the shards of the layout, in order.
    ///
    /// # Panics
    ///
    /// When there are fewer than shards.
    #[must_use]
    pub fn new(layout: &ShardLayout, parts: impl IntoIterator<Item = S>) -> Self {
        Self { layout: layout.clone(), parts: layout.side_by_side(parts) }
    }

    fn of(&self, key: &SessionKey) -> &S {
        part(&self.parts, self.layout.find(key))
    }
}

impl<S> Clone for ShardedStore<S> {
    fn clone(&self) -> Self {
        Self { layout: self.layout.clone(), parts: self.parts.clone() }
    }
}

impl<S: Store> Store for ShardedStore<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        self.of(key).load(key).await
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        self.of(key).load_from_replica(key).await
    }

    fn reads_from_replicas(&self) -> bool {
        self.parts.values().any(S::reads_from_replicas)
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        self.of(record.key()).create(record, ttl).await
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        self.of(record.key()).save(record, replacing, ttl, invalidation).await
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        self.of(key).touch(key, ttl).await
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        self.of(tombstone.key()).delete(tombstone, ttl, spare, invalidation).await
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        self.of(tombstone.key()).replace_with_tombstone(tombstone, replacing, ttl, invalidation).await
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        self.of(tombstone.key()).keep_tombstone(tombstone, ttl).await
    }

    fn report_forged(&self, key: &SessionKey) {
        self.of(key).report_forged(key);
    }

    fn shards(&self) -> Shards {
        Shards::watched(self.layout.0.present.subscribe())
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        self.layout.shard_of(key)
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        part(&self.parts, shard).server_of(Shard::ONLY)
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        part(&self.parts, shard).ping_primary(Shard::ONLY).await
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        part(&self.parts, shard).check_writes(Shard::ONLY).await
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        part(&self.parts, shard).time(Shard::ONLY).await
    }

    async fn close(&self) {
        for part in self.parts.values() {
            part.close().await;
        }
    }
}

/// Several buses as those of the shards of one store.
#[derive(Debug)]
pub struct ShardedBus<B> {
    layout: ShardLayout,
    parts: Arc<BTreeMap<Shard, B>>,
}

impl<B> ShardedBus<B> {
    /// The `parts` as the buses of the shards of the layout, in order.
    ///
    /// # Panics
    ///
    /// When there are fewer than shards.
    #[must_use]
    pub fn new(layout: &ShardLayout, parts: impl IntoIterator<Item = B>) -> Self {
        Self { layout: layout.clone(), parts: layout.side_by_side(parts) }
    }
}

impl<B> Clone for ShardedBus<B> {
    fn clone(&self) -> Self {
        Self { layout: self.layout.clone(), parts: self.parts.clone() }
    }
}

/// A subscription of a [`ShardedBus`].
#[derive(Debug)]
pub struct ShardedSubscription<S> {
    inner: S,
    layout: ShardLayout,
    shard: Shard,
    /// How many losses of the shard have been told.
    told: Arc<AtomicUsize>,
}

impl<B: Bus> Bus for ShardedBus<B> {
    type Subscription = ShardedSubscription<B::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        let told = Arc::new(AtomicUsize::new(self.layout.losses(shard).load(Ordering::SeqCst)));
        let inner = part(&self.parts, shard).subscribe(Shard::ONLY).await?;
        Ok(ShardedSubscription { inner, layout: self.layout.clone(), shard, told })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        part(&self.parts, shard).publish(Shard::ONLY, message).await
    }
}

impl<S: Subscription> Subscription for ShardedSubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.inner.next().await
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.inner.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let (layout, shard, told) = (self.layout.clone(), self.shard, self.told.clone());
        let fence = self.inner.fence();
        async move {
            let proof = fence.await?;
            let losses = layout.losses(shard).load(Ordering::SeqCst);
            let before = told.swap(losses, Ordering::SeqCst);
            Ok(if before == losses { proof } else { FenceOutcome::OwnershipLost })
        }
    }
}

fn part<T>(parts: &BTreeMap<Shard, T>, shard: Shard) -> &T {
    parts.get(&shard).unwrap_or_else(|| panic!("the layout has no {shard:?}"))
}

fn first_byte(key: &SessionKey) -> usize {
    usize::from(key.as_bytes()[0])
}

#[cfg(test)]
mod tests {
    use handstamp_store::{MemoryBus, MemoryStore};

    use super::*;

    #[tokio::test]
    async fn who_loses_sessions_says_so_once() {
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
        assert_eq!(late.fence().await.expect("a fence"), FenceOutcome::Complete, "that was before its time");
    }

    #[tokio::test]
    async fn a_move_that_goes_unnoticed_is_found_by_the_next_call() {
        let layout = ShardLayout::new(2);
        let [one, two] = layout.all()[..] else { panic!("two shards") };
        let store = ShardedStore::new(&layout, [(); 2].map(|()| MemoryStore::new(MemoryBus::new())));
        let key = SessionKey::from_bytes([0; SessionKey::LEN]);
        layout.give_unnoticed(&key, two);
        assert_eq!(store.shard_of(&key), one);
        assert_eq!(store.load(&key).await.expect("an answer"), None);
        assert_eq!(store.shard_of(&key), two);
    }

    #[test]
    fn a_shard_comes_and_goes() {
        let layout = ShardLayout::new(2);
        let [one, two] = layout.all()[..] else { panic!("two shards") };
        let mut shards = Shards::watched(layout.0.present.subscribe());
        for (change, expected) in [
            (ShardLayout::remove as fn(&ShardLayout, Shard), BTreeSet::from([one])),
            (ShardLayout::add, BTreeSet::from([one, two])),
        ] {
            change(&layout, two);
            assert_eq!(shards.current(), expected);
        }
    }
}
