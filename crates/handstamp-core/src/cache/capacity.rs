/// How much a cache may hold. Whichever bound is reached first evicts the least recently used sessions.
///
/// ```
/// use handstamp_core::cache::Capacity;
///
/// let capacity = Capacity { sessions: 1_000, ..Capacity::default() };
/// assert_eq!(capacity.bytes, 64 * 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capacity {
    /// The number of sessions. Default: 10,000. With none the cache is always empty.
    pub sessions: usize,
    /// The memory of these sessions in bytes, as given with each of them. Default: 64 MiB. With none the cache is always
    /// empty.
    pub bytes: usize,
}

impl Capacity {
    /// The number of stripes to divide it by: a power of two.
    ///
    /// A small cache is not cut into pieces, since which entries are evicted would depend on how the keys fall, and one
    /// large session might not fit into a piece.
    pub(super) fn stripes(self) -> usize {
        let by_sessions = self.sessions / MIN_STRIPE_SESSIONS;
        let by_bytes = self.bytes / MIN_STRIPE_BYTES;
        let stripes = by_sessions.min(by_bytes).clamp(1, MAX_STRIPES);
        // Rounded down, so that no stripe is smaller than its minimum.
        1 << stripes.ilog2()
    }

    pub(super) fn divided_by(self, stripes: usize) -> Self {
        Self { sessions: self.sessions / stripes, bytes: self.bytes / stripes }
    }

    pub(super) const fn is_nothing(self) -> bool {
        self.sessions == 0 || self.bytes == 0
    }

    /// How many sessions that are not there are remembered besides: few, since each costs the store one read at most a
    /// second, and never in the place of a session that is there.
    pub(super) fn absences(self) -> usize {
        if self.is_nothing() { 0 } else { (self.sessions / SESSIONS_PER_ABSENCE).max(MIN_ABSENCES) }
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self { sessions: 10_000, bytes: 64 << 20 }
    }
}

/// More stripes than cores, so that two requests seldom meet at one lock.
const MAX_STRIPES: usize = 16;
const MIN_STRIPE_SESSIONS: usize = 64;
const MIN_STRIPE_BYTES: usize = 4 << 20;
const SESSIONS_PER_ABSENCE: usize = 8;
const MIN_ABSENCES: usize = 4;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_stripe_is_too_small_to_be_useful() {
        let stripes = |sessions, bytes| Capacity { sessions, bytes }.stripes();
        assert_eq!(stripes(10_000, 64 << 20), 16);
        assert_eq!(stripes(1_000_000, 1 << 30), 16);
        assert_eq!(stripes(10_000, 15 << 20), 2);
        assert_eq!(stripes(100, 64 << 20), 1);
        assert_eq!(stripes(0, 0), 1);
    }
}
