use std::sync::atomic::{AtomicU64, Ordering};

use super::sync::OwnLine;

/// Counts hits and misses, so that threads seldom write to the same cache line.
#[derive(Default)]
pub(super) struct Lookups {
    parts: [OwnLine<Counters>; PARTS],
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    pub(super) fn count(&self, is_hit: bool) {
        let Counters { hits, misses } = &self.parts[part()].0;
        let count = if is_hit { hits } else { misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits and misses.
    pub(super) fn sums(&self) -> (u64, u64) {
        let parts = || self.parts.iter().map(|part| &part.0);
        let hits = parts().map(|part| part.hits.load(Ordering::Relaxed)).sum();
        (hits, parts().map(|part| part.misses.load(Ordering::Relaxed)).sum())
    }
}

/// A part for this thread: the stack of each thread is somewhere else. Two threads in one part count correctly, if slower.
fn part() -> usize {
    let local = 0_u8;
    let address = std::ptr::from_ref(&local).addr() as u64;
    ((address >> STACK_BITS).wrapping_mul(SPREAD) >> (u64::BITS - PARTS.ilog2())) as usize
}

const PARTS: usize = 16;
/// Stacks are usually that far apart: most have two megabytes.
const STACK_BITS: u32 = 21;
/// The golden ratio, as in Fibonacci hashing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
