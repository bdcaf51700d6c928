use std::sync::Arc;
use std::time::Duration;

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
