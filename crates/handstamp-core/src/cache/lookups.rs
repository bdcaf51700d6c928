use std::sync::atomic::{AtomicU64, Ordering};

use super::sync::OwnLine;

/// Counts hits and misses, so that threads seldom write to the same cache line.
#[derive(Default)]
pub(super) struct Lookups {
    lanes: [OwnLine<Lane>; LANES],
}

#[derive(Default)]
struct Lane {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    pub(super) fn count(&self, is_hit: bool) {
        let Lane { hits, misses } = &self.lanes[lane()].0;
        let count = if is_hit { hits } else { misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits and misses.
    pub(super) fn sums(&self) -> (u64, u64) {
        let lanes = || self.lanes.iter().map(|lane| &lane.0);
        let hits = lanes().map(|lane| lane.hits.load(Ordering::Relaxed)).sum();
        (hits, lanes().map(|lane| lane.misses.load(Ordering::Relaxed)).sum())
    }
}

/// A lane for this thread: the stack of each thread is somewhere else. Two threads in one lane count correctly, if slower.
fn lane() -> usize {
    let local = 0_u8;
    let address = std::ptr::from_ref(&local).addr() as u64;
    ((address >> STACK_BITS).wrapping_mul(SPREAD) >> (u64::BITS - LANES.ilog2())) as usize
}

const LANES: usize = 16;
/// Stacks are at least that far apart: most have two megabytes.
const STACK_BITS: u32 = 21;
/// The golden ratio, as in Fibonacci hashing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
