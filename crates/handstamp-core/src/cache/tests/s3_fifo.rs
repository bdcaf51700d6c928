use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::cache::ghosts::Ghosts;
use crate::cache::s3_fifo::{CacheEntry, S3Fifo};
use crate::cache::slots::MAX_USES;

struct TestEntry(SessionKey);

impl CacheEntry for TestEntry {
    fn key(&self) -> &SessionKey {
        &self.0
    }

    /// Every seventh has been overtaken by a new generation.
    fn is_current(&self) -> bool {
        !self.0.as_bytes()[0].is_multiple_of(7)
    }
}

/// The same as [`S3Fifo`], but as simple as it can be.
struct Model {
    small: VecDeque<ModelEntry>,
    main: VecDeque<ModelEntry>,
    ghosts: Ghosts,
    capacity: Capacity,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct ModelEntry {
    n: u8,
    size: usize,
    uses: u8,
}

impl Model {
    fn get(&mut self, n: u8) -> bool {
        let mut entries = self.small.iter_mut().chain(&mut self.main);
        let Some(entry) = entries.find(|entry| entry.n == n) else { return false };
        entry.uses = (entry.uses + 1).min(MAX_USES);
        true
    }

    fn remove(&mut self, n: u8) -> bool {
        let len = self.len();
        self.small.retain(|entry| entry.n != n);
        self.main.retain(|entry| entry.n != n);
        self.len() < len
    }

    fn remove_for_now(&mut self, n: u8) -> bool {
        let is_removed = self.remove(n);
        if is_removed {
            self.ghosts.insert(&key(n), self.len());
        }
        is_removed
    }

    /// Returns what was evicted.
    fn insert(&mut self, n: u8, size: usize) -> Vec<u8> {
        let was_used = self.main.iter().any(|entry| entry.n == n)
            || self.small.iter().any(|entry| entry.n == n && entry.uses > 0);
        let is_proven = self.ghosts.remove(&key(n)) || was_used;
        self.remove(n);
        let mut evicted = Vec::new();
        while self.len() == self.capacity.entries || self.bytes() + size > self.capacity.bytes {
            evicted.extend(self.evict());
        }
        let queue = if is_proven { &mut self.main } else { &mut self.small };
        queue.push_back(ModelEntry { n, size, uses: 0 });
        evicted
    }

    fn evict(&mut self) -> Option<u8> {
        loop {
            let of_small: usize = self.small.iter().map(|entry| entry.size).sum();
            let is_new = self.main.is_empty() || of_small * 10 > self.bytes();
            let queue = if is_new { &mut self.small } else { &mut self.main };
            let mut entry = queue.pop_front()?;
            let is_current = !entry.n.is_multiple_of(7);
            if entry.uses > 0 && is_current {
                entry.uses = if is_new { 0 } else { entry.uses - 1 };
                self.main.push_back(entry);
                continue;
            }
            if is_new && is_current {
                // Its own place counts until it is removed.
                self.ghosts.insert(&key(entry.n), self.len() + 1);
            }
            return Some(entry.n);
        }
    }

    fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    fn bytes(&self) -> usize {
        self.small.iter().chain(&self.main).map(|entry| entry.size).sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Insert(u8, usize),
    Remove(u8),
    RemoveForNow(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0..40_u8;
    let step = prop_oneof![
        6 => n.clone().prop_map(Step::Get),
        6 => (n.clone(), 1..30_usize).prop_map(|(n, size)| Step::Insert(n, size)),
        1 => n.clone().prop_map(Step::Remove),
        1 => n.prop_map(Step::RemoveForNow),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #[test]
    fn the_eviction_queues_equal_their_model(steps in steps(), entries in 1..20_usize, bytes in 30..200_usize) {
        let capacity = Capacity { entries, bytes };
        let mut cache = S3Fifo::new(capacity);
        let mut model =
            Model { small: VecDeque::new(), main: VecDeque::new(), ghosts: Ghosts::default(), capacity };
        for step in steps {
            match step {
                Step::Get(n) => prop_assert_eq!(cache.get(&key(n)).is_some(), model.get(n)),
                Step::Insert(n, size) => {
                    let was_cached = cache.peek(&key(n)).is_some();
                    let removed = cache.insert(TestEntry(key(n)), size);
                    prop_assert_eq!(removed.replaced.is_some(), was_cached);
                    let evicted: Vec<_> = removed.evicted.iter().map(|entry| entry.0.as_bytes()[0]).collect();
                    prop_assert_eq!(evicted, model.insert(n, size));
                }
                Step::Remove(n) => prop_assert_eq!(cache.remove(&key(n)).is_some(), model.remove(n)),
                Step::RemoveForNow(n) => {
                    prop_assert_eq!(cache.remove_for_now(&key(n)).is_some(), model.remove_for_now(n));
                }
            }
            prop_assert_eq!(cache.bytes(), model.bytes());
            prop_assert!(model.bytes() <= bytes && model.len() <= entries);
            for n in 0..40 {
                let is_in_model = model.small.iter().chain(&model.main).any(|entry| entry.n == n);
                prop_assert_eq!(cache.peek(&key(n)).is_some(), is_in_model);
            }
        }
    }
}

/// As many sessions that are used once as there is room for.
#[test]
fn a_scan_evicts_no_session_in_use() {
    let mut cache = S3Fifo::new(Capacity { entries: 100, bytes: usize::MAX });
    let insert = |cache: &mut S3Fifo<TestEntry>, n: u8| drop(cache.insert(TestEntry(key(n)), 1));
    (1..=50).for_each(|n| insert(&mut cache, n));
    let is_cached = |cache: &S3Fifo<TestEntry>, n: u8| cache.get(&key(n)).is_some();
    (1..=50).for_each(|n| assert!(is_cached(&cache, n)));
    (101..=250).for_each(|n| insert(&mut cache, n));
    let kept = (1..=50_u8).filter(|&n| !n.is_multiple_of(7) && is_cached(&cache, n)).count();
    assert_eq!(kept, 43);
}
