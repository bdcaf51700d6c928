use std::sync::Arc;
use std::time::Duration;

use handstamp_core::keys::KeyAge;
use handstamp_core::record::Record;
use handstamp_core::time::Timestamp;

/// An authentic record, as the store had it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The record.
    pub record: Record,
    /// The age of the key that it is sealed under.
    pub key_age: KeyAge,
    /// Whether it was sealed under the current key of this node before, and another node has sealed it under its own current key since.
    pub was_resealed: bool,
    /// Its time to live; `None` if something else than this library removed it.
    pub remaining: Option<Duration>,
}

impl Loaded {
    /// Whether another node has resealed it within `pause` before `now`. In the middle of a rotation of secrets, two nodes would
    /// otherwise reseal it in turn.
    #[must_use]
    pub fn is_contested(&self, now: Timestamp, pause: Duration) -> bool {
        self.was_resealed && now.since(self.record.saved_at) < pause
    }
}

/// A reply of the store to a load, decoded and verified.
#[expect(
    clippy::large_enum_variant,
    reason = "it is consumed at once, and a box would be an allocation for each load"
)]
#[derive(Debug)]
pub(super) enum StoredReply {
    Record(Loaded),
    /// The tombstone of a session that has moved to another id.
    Moved {
        same_subject: bool,
        /// Its time to live.
        remaining: Option<Duration>,
    },
    /// The tombstone of a session that has ended.
    Ended,
    Absent,
}

/// A session for the local cache.
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheEntry<V> {
    /// The decoded session.
    pub value: Arc<V>,
    /// An estimate of the memory that it takes, in bytes.
    pub size: usize,
}

impl<V> CacheEntry<V> {
    /// An entry of this size.
    #[must_use]
    pub fn new(value: V, size: usize) -> Self {
        Self { value: Arc::new(value), size }
    }
}

impl<V> Clone for CacheEntry<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), size: self.size }
    }
}

/// A decoded record. It is exhaustive on purpose: a new case would be one that the layer above has to decide about.
#[derive(Debug)]
pub enum Decoded<V> {
    /// A session.
    Session {
        /// The session for the local cache.
        entry: CacheEntry<V>,
        /// When it expires unless it is used.
        left: Duration,
    },
    /// An expired session.
    Expired,
    /// A record that no node can read. It is cached like a session, so that it is neither loaded nor reported at every request.
    Unreadable,
}
