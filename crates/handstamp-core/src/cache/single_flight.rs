use std::collections::HashMap;
use std::fmt;

use super::hasher::BuildHash64;
use super::sync::{AtomicU64, Mutex, Ordering};
use crate::id::SessionKey;

/// The loads in progress, so that concurrent requests for a session share one.
///
/// `F` is the caller's handle of a running load, such as a weak reference to a shared future; this type only decides which
/// callers may share it. A caller never joins a load that started before an invalidation that the caller may know of, because
/// the reply could be older than that.
pub struct SingleFlight<F> {
    in_flight: Mutex<HashMap<SessionKey, InFlight<F>, BuildHash64>>,
    next_id: AtomicU64,
}

/// Identifies one load among all loads of a [`SingleFlight`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoadId(u64);

struct InFlight<F> {
    id: LoadId,
    generation: u64,
    load: F,
}

impl<F> SingleFlight<F> {
    /// No loads.
    #[must_use]
    pub fn new() -> Self {
        Self { in_flight: Mutex::new(HashMap::default()), next_id: AtomicU64::new(0) }
    }

    /// Joins the load of `key` that was started in this `generation` of the [`Freshness`](super::Freshness), if there is one and
    /// `join` returns a waiter for it; otherwise starts another one with `start`.
    ///
    /// The caller whose `start` is called has to see to it that [`finish`](Self::finish) is called when the load ends.
    pub fn join<W>(
        &self,
        key: &SessionKey,
        generation: u64,
        join: impl FnOnce(&F) -> Option<W>,
        start: impl FnOnce(LoadId) -> (F, W),
    ) -> W {
        let mut in_flight = self.in_flight.lock();
        let current = in_flight.get(key).filter(|current| current.generation == generation);
        if let Some(waiter) = current.and_then(|current| join(&current.load)) {
            return waiter;
        }
        let id = LoadId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let (load, waiter) = start(id);
        let replaced = in_flight.insert(*key, InFlight { id, generation, load });
        // `F::drop` must not run under the lock.
        drop(in_flight);
        drop(replaced);
        waiter
    }

    /// Stops sharing the load of `key`: its reply may be outdated, so later callers start another one.
    pub fn detach(&self, key: &SessionKey) {
        let detached = self.in_flight.lock().remove(key);
        drop(detached);
    }

    /// Removes the load of this id.
    pub fn finish(&self, key: &SessionKey, id: LoadId) {
        let mut in_flight = self.in_flight.lock();
        let is_current = in_flight.get(key).is_some_and(|current| current.id == id);
        let finished = if is_current { in_flight.remove(key) } else { None };
        drop(in_flight);
        drop(finished);
    }

    /// The number of loads that can be joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_flight.lock().len()
    }

    /// Whether no load can be joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<F> Default for SingleFlight<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> fmt::Debug for SingleFlight<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const KEY: SessionKey = SessionKey::from_bytes([1; SessionKey::LEN]);

    /// The load that a caller joins or starts.
    fn join(loads: &SingleFlight<LoadId>, generation: u64) -> LoadId {
        loads.join(&KEY, generation, |id| Some(*id), |id| (id, id))
    }

    #[test]
    fn a_load_in_progress_is_joined() {
        let loads = SingleFlight::new();
        let first = join(&loads, 0);
        assert_eq!(join(&loads, 0), first);
        loads.finish(&KEY, first);
        assert!(loads.is_empty());
        assert_ne!(join(&loads, 0), first);
    }

    #[test]
    fn a_load_whose_reply_may_be_outdated_is_not_joined() {
        let loads = SingleFlight::new();
        let first = join(&loads, 0);
        loads.detach(&KEY);
        let second = join(&loads, 0);
        assert_ne!(second, first);
        loads.finish(&KEY, first);
        assert_eq!(join(&loads, 0), second, "the end of the first load does not remove the second");
        assert_ne!(join(&loads, 1), second, "another generation has started");
    }

    #[test]
    fn a_load_without_a_waiter_is_replaced() {
        let loads = SingleFlight::new();
        let first = join(&loads, 0);
        let second = loads.join(&KEY, 0, |_| None, |id| (id, id));
        assert_ne!(second, first);
        assert_eq!(join(&loads, 0), second);
    }
}
