use std::collections::BTreeMap;
use std::sync::Arc;

use handstamp_core::id::SessionKey;
use handstamp_store::{DynStore, Shard, Shards, Store, StoreWrapper};

use super::layout::{ShardLayout, part};

/// Several stores as the shards of one. Each of them has one shard.
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
    /// If there are fewer parts than shards.
    #[must_use]
    pub fn new(layout: &ShardLayout, parts: impl IntoIterator<Item = S>) -> Self {
        Self { layout: layout.clone(), parts: layout.assign(parts) }
    }
}

impl<S> Clone for ShardedStore<S> {
    fn clone(&self) -> Self {
        Self { layout: self.layout.clone(), parts: self.parts.clone() }
    }
}

impl<S: Store> StoreWrapper for ShardedStore<S> {
    /// The first part. The others reply the same to calls without a key or a shard.
    fn inner(&self) -> &dyn DynStore {
        self.inner_for_shard(self.layout.first()).0
    }

    fn inner_for_key(&self, key: &SessionKey) -> &dyn DynStore {
        let store: &S = part(&self.parts, self.layout.find(key));
        store
    }

    fn inner_for_shard(&self, shard: Shard) -> (&dyn DynStore, Shard) {
        let store: &S = part(&self.parts, shard);
        (store, Shard::ONLY)
    }

    fn shards(&self) -> Shards {
        self.layout.shards()
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        self.layout.shard_of(key)
    }

    async fn close(&self) {
        for part in self.parts.values() {
            part.close().await;
        }
    }
}
