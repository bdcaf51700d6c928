//! Sessions are found by their public ids, which only their records have.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use handstamp_core::id::{PublicId, SessionKey};
use handstamp_core::record::{Entry, Opened, RecordError};

use super::clustered_store::ClusteredStore;
use super::node::Node;
use crate::{ScanCursor, Shard, StoreError};

impl ClusteredStore {
    /// Finds the keys of the session with this public id, by a [scan](crate::Store::scan) of all shards at the same time: every record is
    /// loaded. During a renewal, a session has two keys.
    ///
    /// A session may be missed if it moves to another id during the scan, or its slot to another shard. This takes as long as the slowest
    /// shard: the caller sets a time limit.
    ///
    /// # Errors
    ///
    /// If no key was found: [`StoreError::Unsupported`] if the store cannot scan; [`StoreError::Record`] if a record appears to be the
    /// session, but this node has not the secret or the version to verify it; otherwise, if a shard cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn find(&self, public_id: &PublicId) -> Result<BTreeSet<SessionKey>, StoreError> {
        self.node.check_open()?;
        let shards = self.node.store.shards().current();
        if shards.is_empty() {
            return Err(StoreError::unavailable("no shard of the store is known"));
        }
        let searches = shards.into_iter().map(|shard| self.node.find_in(shard, public_id));
        let (mut keys, mut failure) = (BTreeSet::new(), None);
        for search in join_all(searches).await {
            keys.extend(search.keys);
            failure = failure.or(search.failure);
        }
        match failure {
            Some(error) if keys.is_empty() => Err(error),
            _ => Ok(keys),
        }
    }
}

/// The result of the search of a shard.
#[derive(Default)]
struct Search {
    keys: Vec<SessionKey>,
    /// Why a record may have been missed.
    failure: Option<StoreError>,
}

impl Node {
    async fn find_in(&self, shard: Shard, public_id: &PublicId) -> Search {
        let (mut search, mut cursor) = (Search::default(), ScanCursor::START);
        loop {
            let page = match self.store.scan(shard, &cursor).await {
                Ok(page) => page,
                Err(error) => return Search { failure: Some(error), ..search },
            };
            for stored in &page.entries {
                match self.has_public_id(&stored.entry, public_id) {
                    Ok(true) => search.keys.push(*stored.entry.key()),
                    Ok(false) => {}
                    Err(error) => search.failure = Some(error.into()),
                }
            }
            match page.next {
                Some(next) => cursor = next,
                None => return search,
            }
        }
    }

    /// # Errors
    ///
    /// If it appears to have it, but another node must verify that.
    fn has_public_id(&self, entry: &Entry, public_id: &PublicId) -> Result<bool, RecordError> {
        if entry.is_tombstone() || entry.unverified_public_id() != public_id {
            return Ok(false);
        }
        match self.sealer.open(entry) {
            Ok(opened) => Ok(matches!(opened, Opened::Record(..))),
            Err(error @ (RecordError::UnknownKey | RecordError::Newer(_))) => Err(error),
            // No node has written it for this key.
            Err(_) => Ok(false),
        }
    }
}
