/// The size limits of a cache. When one is reached, entries that are used rarely are evicted. It is exhaustive on purpose: there will be
/// no third limit.
///
/// ```
/// use handstamp_core::cache::Capacity;
///
/// let capacity = Capacity { entries: 1_000, ..Capacity::default() };
/// assert_eq!(capacity.bytes, 64 * 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capacity {
    /// The number of entries, such as sessions. Default: 10,000. Zero turns the cache off.
    pub entries: usize,
    /// The memory of these entries in bytes, as given when each is inserted. Default: 64 MiB. Zero turns the cache off.
    pub bytes: usize,
}

impl Capacity {
    /// The number of stripes: a power of two.
    ///
    /// A small cache has one stripe. Otherwise evictions would depend on how the keys are distributed, and a large entry might not
    /// fit into a stripe.
    pub(super) fn stripes(self) -> usize {
        let by_entries = self.entries / MIN_STRIPE_ENTRIES;
        let by_bytes = self.bytes / MIN_STRIPE_BYTES;
        let stripes = by_entries.min(by_bytes).clamp(1, MAX_STRIPES);
        // Rounded down, so that no stripe is smaller than its minimum.
        1 << stripes.ilog2()
    }

    pub(super) fn divided_by(self, stripes: usize) -> Self {
        Self { entries: self.entries / stripes, bytes: self.bytes / stripes }
    }

    pub(super) const fn is_zero(self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    /// The capacity for absences, which are cached in addition. A few are enough, since an absent session costs the store at most
    /// one read a second.
    pub(super) fn of_absences(self) -> Self {
        let entries = if self.is_zero() { 0 } else { (self.entries / ENTRIES_PER_ABSENCE).max(MIN_ABSENCES) };
        Self { entries, bytes: usize::MAX }
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 64 << 20 }
    }
}

/// As many as a large server has cores, so that two of them rarely use one lock at the same time.
const MAX_STRIPES: usize = 64;
const MIN_STRIPE_ENTRIES: usize = 64;
/// Room for several of the largest sessions.
const MIN_STRIPE_BYTES: usize = 2 << 20;
const ENTRIES_PER_ABSENCE: usize = 8;
const MIN_ABSENCES: usize = 4;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn stripes_have_a_minimum_size() {
        let stripes = |entries, bytes| Capacity { entries, bytes }.stripes();
        assert_eq!(stripes(10_000, 64 << 20), 32);
        assert_eq!(stripes(1_000_000, 1 << 30), 64);
        assert_eq!(stripes(10_000, 7 << 20), 2);
        assert_eq!(stripes(100, 64 << 20), 1);
        assert_eq!(stripes(0, 0), 1);
    }
}
