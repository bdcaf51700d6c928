use super::sync::{AtomicU64, Ordering};

/// The number of sessions of one generation.
pub(super) struct SessionCount {
    /// The generation in the upper half, the number of its sessions in the lower half.
    state: AtomicU64,
}

impl SessionCount {
    pub(super) fn new() -> Self {
        Self { state: AtomicU64::new(0) }
    }

    /// The count, if it is that of `generation`; otherwise that has no sessions yet.
    pub(super) fn of(&self, generation: u32) -> usize {
        let state = self.state.load(Ordering::Acquire);
        if is_of(state, generation) { usize::try_from(state & COUNT).unwrap_or(usize::MAX) } else { 0 }
    }

    /// Counts a session of `generation`, unless a later one is the current one.
    pub(super) fn add(&self, generation: u32, current: impl Fn() -> u32) {
        self.update(|state| {
            if is_of(state, generation) {
                Some(state + 1)
            } else {
                (generation == current()).then_some(u64::from(generation) << 32 | 1)
            }
        });
    }

    /// A session of `generation` is gone.
    pub(super) fn subtract(&self, generation: u32) {
        // The session may not have been counted, if its generation was not the current one yet.
        self.update(|state| (is_of(state, generation) && state & COUNT > 0).then(|| state - 1));
    }

    fn update(&self, change: impl FnMut(u64) -> Option<u64>) {
        // An error means that there was nothing to change.
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }
}

fn is_of(state: u64, generation: u32) -> bool {
    state >> 32 == u64::from(generation)
}

const COUNT: u64 = u32::MAX as u64;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_was_not_counted_changes_no_count() {
        let count = SessionCount::new();
        count.add(1, || 1);
        count.subtract(1);
        count.subtract(1);
        assert_eq!((count.of(0), count.of(1)), (0, 0));
        count.add(1, || 1);
        assert_eq!(count.of(1), 1);
    }
}
