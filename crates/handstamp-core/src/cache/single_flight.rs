use std::collections::HashMap;
use std::fmt;

use super::hasher::BuildHash64;
use super::sync::{AtomicU64, Mutex, Ordering};
use crate::id::SessionKey;

/// The loads under way, so that those who want the same session share one.
///
/// A flight is whatever the caller waits with, such as a weak handle of a shared future; this only knows who may
/// share it. Nobody joins a flight that was begun before an invalidation which they may know of: its answer could be
/// older than that.
pub struct SingleFlight<F> {
    departed: Mutex<HashMap<SessionKey, Departed<F>, BuildHash64>>,
    number: AtomicU64,
}

/// Which flight it is, of all there have been.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoadId(u64);

struct Departed<F> {
    number: LoadId,
    generation: u64,
    flight: F,
}

impl<F> SingleFlight<F> {
    /// None under way.
    #[must_use]
    pub fn new() -> Self {
        Self { departed: Mutex::new(HashMap::default()), number: AtomicU64::new(0) }
    }

    /// A seat on the flight for `key` that has departed in this `generation` of its freshness, if `board` can still get
    /// one; otherwise on one that `depart` makes.
    ///
    /// Whoever makes one sees to it that [`finish`](Self::finish) is called when it is over.
    pub fn join<S>(
        &self,
        key: &SessionKey,
        generation: u64,
        board: impl FnOnce(&F) -> Option<S>,
        depart: impl FnOnce(LoadId) -> (F, S),
    ) -> S {
        let mut departed = self.departed.lock();
        let current = departed.get(key).filter(|departed| departed.generation == generation);
        if let Some(seat) = current.and_then(|departed| board(&departed.flight)) {
            return seat;
        }
        let number = LoadId(self.number.fetch_add(1, Ordering::Relaxed));
        let (flight, seat) = depart(number);
        let replaced = departed.insert(*key, Departed { number, generation, flight });
        // The lock is free again when the other flight's own `Drop` runs.
        drop(departed);
        drop(replaced);
        seat
    }

    /// Whoever comes from now on does not join the flight for `key`: it may bring what is outdated by now.
    pub fn detach(&self, key: &SessionKey) {
        let parted = self.departed.lock().remove(key);
        drop(parted);
    }

    /// The flight of this number is over.
    pub fn finish(&self, key: &SessionKey, number: LoadId) {
        let mut departed = self.departed.lock();
        let landed = if departed.get(key).is_some_and(|departed| departed.number == number) {
            departed.remove(key)
        } else {
            None
        };
        drop(departed);
        drop(landed);
    }

    /// How many are under way that can be joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.departed.lock().len()
    }

    /// Whether none is under way that can be joined.
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

    /// Which flight one gets a seat on.
    fn join(flights: &SingleFlight<LoadId>, generation: u64) -> LoadId {
        flights.join(&KEY, generation, |flight| Some(*flight), |number| (number, number))
    }

    #[test]
    fn who_comes_while_one_is_under_way_joins_it() {
        let flights = SingleFlight::new();
        let first = join(&flights, 0);
        assert_eq!(join(&flights, 0), first);
        flights.finish(&KEY, first);
        assert!(flights.is_empty());
        assert_ne!(join(&flights, 0), first);
    }

    #[test]
    fn nobody_joins_one_that_may_bring_what_is_outdated() {
        let flights = SingleFlight::new();
        let first = join(&flights, 0);
        flights.detach(&KEY);
        let second = join(&flights, 0);
        assert_ne!(second, first);
        flights.finish(&KEY, first);
        assert_eq!(join(&flights, 0), second, "the end of the first says nothing about the second");
        assert_ne!(join(&flights, 1), second, "the freshness was cut in between");
    }

    #[test]
    fn where_there_is_no_seat_another_departs() {
        let flights = SingleFlight::new();
        let first = join(&flights, 0);
        let second = flights.join(&KEY, 0, |_| None, |number| (number, number));
        assert_ne!(second, first);
        assert_eq!(join(&flights, 0), second);
    }
}
