//! The locks and atomics of the cache; under `--cfg loom`, those of loom, which tries every interleaving.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
pub(super) use parking_lot::Mutex;
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[cfg(loom)]
pub(super) use self::with_loom::Mutex;
#[cfg(not(loom))]
use crossbeam_utils::sync::{
    ShardedLock as Shared, ShardedLockReadGuard as ReadGuard, ShardedLockWriteGuard as WriteGuard,
};
#[cfg(loom)]
use loom::sync::{RwLock as Shared, RwLockReadGuard as ReadGuard, RwLockWriteGuard as WriteGuard};
use std::sync::PoisonError;

/// A lock for values that are mostly read. It has eight parts with cache lines of their own: a reader locks that of its thread,
/// and a writer locks all of them.
pub(super) struct ReadMostly<T>(Shared<T>);

impl<T> ReadMostly<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Shared::new(value))
    }

    pub(super) fn read(&self) -> ReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> WriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value with cache lines of its own, so that writing to it does not slow down readers of its neighbours. Processors fetch
/// lines of 64 bytes, some of them in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct OwnLine<T>(pub(super) T);

#[cfg(loom)]
mod with_loom {
    use std::sync::PoisonError;

    use loom::sync::MutexGuard;

    /// With the interface of `parking_lot`.
    pub(in super::super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(in super::super) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
