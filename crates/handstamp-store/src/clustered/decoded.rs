use std::sync::Arc;
use std::time::Duration;

use handstamp_core::keys::KeyAge;
use handstamp_core::record::Record;
use handstamp_core::time::Timestamp;

/// An authentic record.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The record.
    pub record: Record,
    /// The age of the key that it is sealed under.
    pub key_age: KeyAge,
    /// Whether it had been sealed under the key that seals here, and another node has sealed it anew.
    pub was_resealed: bool,
    /// How long it has to live; `None` if it has lost its limit.
    pub remaining: Option<Duration>,
}

impl Loaded {
    /// Whether another node has sealed it anew within `pause` before `now`. In the middle of a rotation, this may be the node that is
    /// behind; and each would do it in turn.
    #[must_use]
    pub fn is_contested(&self, now: Timestamp, pause: Duration) -> bool {
        self.was_resealed && now.since(self.record.saved_at) < pause
    }
}

/// What the store has under a key.
#[expect(
    clippy::large_enum_variant,
    reason = "it is passed on at once, and a box would be an allocation for each load"
)]
#[derive(Debug)]
pub(super) enum Answer {
    Session(Loaded),
    /// The tombstone of a session that has moved to another id.
    Moved {
        same_subject: bool,
        /// How long it has to live.
        remaining: Option<Duration>,
    },
    /// The tombstone of a session that has ended.
    Ended,
    Nothing,
}

/// A session for the local cache.
#[derive(Debug)]
pub struct CacheEntry<V> {
    /// The decoded session.
    pub value: Arc<V>,
    /// The memory that it takes, in bytes, as far as can be told.
    pub size: usize,
}

/// What a record turns out to be when it is decoded.
#[derive(Debug)]
pub enum Decoded<V> {
    /// A session.
    Session {
        /// The session, as it goes into the local cache.
        entry: CacheEntry<V>,
        /// How long it lives unless it is used.
        left: Duration,
    },
    /// A session whose time is up.
    Expired,
    /// Nothing that any node can read. It is remembered like a session, so that the record is neither loaded nor reported
    /// again and again.
    Unreadable,
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
