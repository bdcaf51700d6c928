use hashbrown::HashTable;

use super::Capacity;
use super::ghosts::Ghosts;
use super::slots::{NONE, Queue, Slots};
use crate::id::SessionKey;

/// Entries by key, within a capacity. [S3-FIFO](https://dl.acm.org/doi/10.1145/3600006.3613147) decides which are evicted.
///
/// A new entry passes through a *small* queue, a tenth of the cache. If it is used there, it moves on to the *main* queue;
/// otherwise it is evicted, and only its *ghost* is kept: if it comes back soon, it goes to the main queue at once. So clients
/// that begin sessions and never come back evict no session in use. A used entry at the end of the main queue goes round again.
///
/// A use only sets a count in the entry, for which no exclusive lock is needed.
pub(super) struct S3Fifo<E> {
    positions: HashTable<u32>,
    slots: Slots<E>,
    ghosts: Ghosts,
    capacity: Capacity,
}

pub(super) trait CacheEntry {
    fn key(&self) -> &SessionKey;

    /// Whether it may still be served.
    fn is_current(&self) -> bool;
}

/// The entries that an insertion has removed.
pub(super) struct Removed<E> {
    /// The former entry of the same key.
    pub(super) replaced: Option<E>,
    pub(super) evicted: Vec<E>,
}

impl<E: CacheEntry> S3Fifo<E> {
    pub(super) fn new(capacity: Capacity) -> Self {
        let capacity = Capacity { entries: capacity.entries.min(NONE as usize), ..capacity };
        Self { positions: HashTable::new(), slots: Slots::new(), ghosts: Ghosts::default(), capacity }
    }

    /// The sum of the sizes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.bytes(Queue::Small) + self.slots.bytes(Queue::Main)
    }

    /// Whether an entry of this size fits into the empty cache.
    pub(super) const fn admits(&self, size: usize) -> bool {
        self.capacity.entries > 0 && size <= self.capacity.bytes && size <= u32::MAX as usize
    }

    /// The entry of `key`, which counts as a use.
    pub(super) fn get(&self, key: &SessionKey) -> Option<&E> {
        let position = self.find(key)?;
        self.slots.count_use(position);
        self.slots.get(position)
    }

    /// The entry of `key`, which does not count as a use.
    pub(super) fn peek(&self, key: &SessionKey) -> Option<&E> {
        self.slots.get(self.find(key)?)
    }

    pub(super) fn peek_mut(&mut self, key: &SessionKey) -> Option<&mut E> {
        self.slots.get_mut(self.find(key)?)
    }

    /// Inserts an entry of an [admitted](Self::admits) size.
    pub(super) fn insert(&mut self, entry: E, size: usize) -> Removed<E> {
        let key = *entry.key();
        let former = self.find(&key);
        let is_proven = self.ghosts.remove(&key) || former.is_some_and(|position| self.is_proven(position));
        let replaced = former.and_then(|position| self.remove_at(position));
        let mut evicted = Vec::new();
        while self.slots.len() >= self.capacity.entries || self.bytes() + size > self.capacity.bytes {
            let Some(entry) = self.evict() else { break };
            evicted.push(entry);
        }
        let queue = if is_proven { Queue::Main } else { Queue::Small };
        let position = self.slots.push(queue, entry, size as u32);
        let hash_of = |&position: &u32| self.slots.get(position).map_or(0, |entry| entry.key().hash64());
        self.positions.insert_unique(key.hash64(), position, hash_of);
        Removed { replaced, evicted }
    }

    pub(super) fn remove(&mut self, key: &SessionKey) -> Option<E> {
        self.remove_at(self.find(key)?)
    }

    /// Removes an entry that will probably be inserted again soon.
    pub(super) fn remove_for_now(&mut self, key: &SessionKey) -> Option<E> {
        let removed = self.remove(key)?;
        self.ghosts.insert(key, self.slots.len());
        Some(removed)
    }

    fn evict(&mut self) -> Option<E> {
        loop {
            let position = self.next_to_evict()?;
            let is_new = self.slots.queue(position) == Queue::Small;
            let entry = self.slots.get(position)?;
            let (key, is_current) = (*entry.key(), entry.is_current());
            let uses = self.slots.uses_mut(position);
            if *uses > 0 && is_current {
                *uses = if is_new { 0 } else { *uses - 1 };
                self.slots.move_to(Queue::Main, position);
                continue;
            }
            if is_new && is_current {
                self.ghosts.insert(&key, self.slots.len());
            }
            return self.remove_at(position);
        }
    }

    fn next_to_evict(&self) -> Option<u32> {
        let [small, main] = [Queue::Small, Queue::Main].map(|queue| self.slots.first(queue));
        let is_small_full = self.slots.bytes(Queue::Small) * SHARE_OF_SMALL > self.bytes();
        if is_small_full { small } else { main.or(small) }
    }

    /// Whether it has been used since it was inserted.
    fn is_proven(&self, position: u32) -> bool {
        self.slots.queue(position) == Queue::Main || self.slots.uses(position) > 0
    }

    fn remove_at(&mut self, position: u32) -> Option<E> {
        let entry = self.slots.remove(position)?;
        let found = self.positions.find_entry(entry.key().hash64(), |&other| other == position);
        if let Ok(found) = found {
            found.remove();
        }
        Some(entry)
    }

    fn find(&self, key: &SessionKey) -> Option<u32> {
        let is_of_key = |&position: &u32| self.slots.get(position).is_some_and(|entry| entry.key() == key);
        self.positions.find(key.hash64(), is_of_key).copied()
    }
}

/// The small queue has a tenth of the bytes.
const SHARE_OF_SMALL: usize = 10;
