use std::collections::HashSet;

use super::support::*;
use crate::{DeleteOutcome, ScanCursor, Store};

/// A scan of all shards returns every record, and of deleted ones at most their tombstones.
pub async fn a_scan_returns_every_record(store: &impl Store) {
    let mut expected = HashSet::new();
    for _ in 0..600 {
        expected.insert(*created(store, LONG).await.key());
    }
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    for shard in store.shards().current() {
        let mut cursor = Some(ScanCursor::START);
        while let Some(position) = cursor {
            let page = store.scan(shard, &position).await.expect("scan");
            for stored in page.entries {
                let key = stored.entry.key();
                expected.remove(key);
                assert!(key != deleted.key() || stored.entry.is_tombstone(), "a deleted record was returned");
            }
            cursor = page.next;
        }
    }
    assert!(expected.is_empty(), "{} records were not returned", expected.len());
}
