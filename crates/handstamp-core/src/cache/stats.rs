/// Counters of a cache since its creation, and its present size.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found a fresh entry.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Sessions evicted because the cache was full.
    pub evictions: u64,
    /// Sessions at present, without those of earlier generations.
    pub size: usize,
    /// Memory of the sessions in bytes, as estimated when they were inserted. Sessions of earlier generations count until they
    /// are evicted.
    pub bytes: usize,
}

impl CacheStats {
    /// Hits as a fraction of all lookups, from 0 to 1; 0 before the first lookup.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 52 bits")]
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            lookups => self.hits as f64 / lookups as f64,
        }
    }
}

impl std::iter::Sum for CacheStats {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            hits: sum.hits + part.hits,
            misses: sum.misses + part.misses,
            evictions: sum.evictions + part.evictions,
            size: sum.size + part.size,
            bytes: sum.bytes + part.bytes,
        })
    }
}
