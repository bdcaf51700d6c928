use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Entry;
use handstamp_store::Stored;
use parking_lot::Mutex;

/// A replica without replication: it has only the entries that the test puts into it. Clones share the entries.
#[derive(Clone, Debug, Default)]
pub struct Replica(Arc<Mutex<HashMap<SessionKey, Entry>>>);

impl Replica {
    /// Inserts an entry, replacing that of the same session.
    pub fn put(&self, entry: Entry) {
        self.0.lock().insert(*entry.key(), entry);
    }

    /// Removes and returns the entry of a session.
    #[expect(clippy::must_use_candidate, reason = "it is also called for its effect")]
    pub fn take(&self, key: &SessionKey) -> Option<Entry> {
        self.0.lock().remove(key)
    }

    pub(crate) fn load(&self, key: &SessionKey) -> Option<Stored> {
        let entry = self.0.lock().get(key).cloned()?;
        Some(Stored::new(entry, Some(HOUR)))
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
