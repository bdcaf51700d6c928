use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Entry;
use handstamp_store::Stored;
use parking_lot::Mutex;

/// What a replica has that hears of nothing: just what it is given. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Replica(Arc<Mutex<HashMap<SessionKey, Entry>>>);

impl Replica {
    /// It has this record, in the place of any other of the session.
    pub fn put(&self, entry: Entry) {
        self.0.lock().insert(*entry.key(), entry);
    }

    /// It has none of this session any more. Returns what it had.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does, too")]
    pub fn take(&self, key: &SessionKey) -> Option<Entry> {
        self.0.lock().remove(key)
    }

    pub(crate) fn load(&self, key: &SessionKey) -> Option<Stored> {
        let entry = self.0.lock().get(key).cloned()?;
        Some(Stored::new(entry, Some(HOUR)))
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
