/// What a cache has done so far. Counts run from its creation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found an entry in date.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Sessions that were evicted because the cache was full.
    pub evictions: u64,
    /// Sessions at present, those from before their freshness was cut not counted.
    pub size: usize,
    /// The memory that the sessions take, in bytes, by a measured estimate. Sessions from before their freshness was cut are
    /// counted until they are evicted.
    pub bytes: usize,
}

impl CacheStats {
    /// The part of all lookups that were hits, from 0 to 1; 0 before the first.
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
