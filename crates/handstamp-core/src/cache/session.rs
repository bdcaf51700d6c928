use std::sync::Arc;

use crate::id::SessionKey;
use crate::record::{Record, Revision};

/// A session in a cache. It has its key and its revision, so that the cache need not keep them a second time.
pub trait CachedSession {
    /// The key, which never changes.
    fn key(&self) -> &SessionKey;

    /// The revision, which never changes.
    fn revision(&self) -> Revision;
}

/// A value, with the key of its session and the revision that it was computed from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Versioned<V> {
    /// The key of the session.
    pub key: SessionKey,
    /// The revision of the session.
    pub revision: Revision,
    /// The value.
    pub value: V,
}

impl<V> Versioned<V> {
    /// The value of this revision.
    #[must_use]
    pub const fn new(key: SessionKey, revision: Revision, value: V) -> Self {
        Self { key, revision, value }
    }
}

impl<V> CachedSession for Versioned<V> {
    fn key(&self) -> &SessionKey {
        &self.key
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

impl CachedSession for Record {
    fn key(&self) -> &SessionKey {
        &self.key
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

impl<S: CachedSession + ?Sized> CachedSession for Arc<S> {
    fn key(&self) -> &SessionKey {
        S::key(self)
    }

    fn revision(&self) -> Revision {
        S::revision(self)
    }
}
