use std::sync::atomic::{AtomicU8, Ordering};

/// Values at fixed positions, each in one of two queues.
///
/// The queues are linked lists, because values are also removed from the middle. A link is a position of four bytes.
pub(super) struct Slots<E> {
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    queues: [List; 2],
}

/// A queue: first in, first out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Queue {
    Small,
    Main,
}

/// A value of the session cache fills one cache line with its links.
#[repr(align(64))]
struct Slot<E> {
    value: Option<E>,
    previous: u32,
    next: u32,
    size: u32,
    uses: AtomicU8,
    queue: Queue,
}

struct List {
    first: u32,
    last: u32,
    bytes: usize,
}

impl<E> Slots<E> {
    pub(super) const fn new() -> Self {
        const EMPTY: List = List { first: NONE, last: NONE, bytes: 0 };
        Self { slots: Vec::new(), free: Vec::new(), queues: [EMPTY, EMPTY] }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The sum of the sizes in a queue.
    pub(super) fn bytes(&self, queue: Queue) -> usize {
        self.queues[queue as usize].bytes
    }

    pub(super) fn get(&self, position: u32) -> Option<&E> {
        self.slots.get(position as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, position: u32) -> Option<&mut E> {
        self.slots.get_mut(position as usize)?.value.as_mut()
    }

    /// Counts a use, up to [`MAX_USES`].
    pub(super) fn count_use(&self, position: u32) {
        let uses = &self.slots[position as usize].uses;
        let count = uses.load(Ordering::Relaxed);
        // A value in constant use is not written to, so that every core can keep its line. Of two concurrent uses one may be
        // lost, which does not matter.
        if count < MAX_USES {
            uses.store(count + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn uses(&self, position: u32) -> u8 {
        self.slots[position as usize].uses.load(Ordering::Relaxed)
    }

    pub(super) fn uses_mut(&mut self, position: u32) -> &mut u8 {
        self.slots[position as usize].uses.get_mut()
    }

    pub(super) fn queue(&self, position: u32) -> Queue {
        self.slots[position as usize].queue
    }

    /// The position of the oldest value of a queue.
    pub(super) fn first(&self, queue: Queue) -> Option<u32> {
        let first = self.queues[queue as usize].first;
        (first != NONE).then_some(first)
    }

    /// Adds a value, which has not been used, at the end of a queue. Returns its position.
    pub(super) fn push(&mut self, queue: Queue, value: E, size: u32) -> u32 {
        let uses = AtomicU8::new(0);
        let slot = Slot { value: Some(value), previous: NONE, next: NONE, size, uses, queue };
        let position = match self.free.pop() {
            Some(position) => {
                self.slots[position as usize] = slot;
                position
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        self.link(position, queue);
        position
    }

    /// Moves a value to the end of a queue.
    pub(super) fn move_to(&mut self, queue: Queue, position: u32) {
        self.unlink(position);
        self.link(position, queue);
    }

    pub(super) fn remove(&mut self, position: u32) -> Option<E> {
        let value = self.slots.get_mut(position as usize)?.value.take()?;
        self.unlink(position);
        self.free.push(position);
        Some(value)
    }

    fn link(&mut self, position: u32, queue: Queue) {
        let list = &mut self.queues[queue as usize];
        let slot = &mut self.slots[position as usize];
        (slot.queue, slot.previous, slot.next) = (queue, list.last, NONE);
        list.bytes += slot.size as usize;
        match std::mem::replace(&mut list.last, position) {
            NONE => list.first = position,
            last => self.slots[last as usize].next = position,
        }
    }

    fn unlink(&mut self, position: u32) {
        let &Slot { previous, next, size, queue, .. } = &self.slots[position as usize];
        let list = &mut self.queues[queue as usize];
        list.bytes -= size as usize;
        match previous {
            NONE => list.first = next,
            previous => self.slots[previous as usize].next = next,
        }
        match next {
            NONE => list.last = previous,
            next => self.slots[next as usize].previous = previous,
        }
    }
}

/// More would take more passes of the queue to evict a value that is not used any more.
pub(super) const MAX_USES: u8 = 3;

/// The most values, and the link to nowhere.
pub(super) const NONE: u32 = u32::MAX;
