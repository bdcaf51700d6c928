use crate::id::SessionKey;

/// The keys of sessions that were removed not long ago, and may come back. A later key may take the place of an earlier one, and
/// rarely a key is taken for another: that affects nothing but which session is evicted next.
#[derive(Default)]
pub(super) struct Ghosts {
    /// A part of the hash of each key, at a place that another part determines. Zero: none.
    marks: Box<[u32]>,
}

impl Ghosts {
    /// Remembers a key of a cache that has `len` entries.
    pub(super) fn insert(&mut self, key: &SessionKey, len: usize) {
        let wanted = (len / ENTRIES_PER_GHOST).max(1);
        if self.marks.len() < wanted {
            self.marks = vec![0; wanted.next_power_of_two()].into();
        }
        if let Some(mark) = self.mark(key) {
            *mark = fingerprint(key);
        }
    }

    /// Forgets a key. Returns whether it was known.
    pub(super) fn remove(&mut self, key: &SessionKey) -> bool {
        self.mark(key).is_some_and(|mark| {
            let is_known = *mark == fingerprint(key);
            if is_known {
                *mark = 0;
            }
            is_known
        })
    }

    fn mark(&mut self, key: &SessionKey) -> Option<&mut u32> {
        let mask = self.marks.len().checked_sub(1)?;
        self.marks.get_mut(key.hash64() as usize & mask)
    }
}

fn fingerprint(key: &SessionKey) -> u32 {
    (key.hash64() >> 32) as u32 | 1
}

/// More ghosts keep more sessions that are used rarely, and so fewer that are used often.
const ENTRIES_PER_GHOST: usize = 2;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn key(n: u8) -> SessionKey {
        SessionKey::from_bytes([n; SessionKey::LEN])
    }

    #[test]
    fn a_key_is_known_until_it_is_forgotten_or_displaced() {
        let mut ghosts = Ghosts::default();
        assert!(!ghosts.remove(&key(1)));
        ghosts.insert(&key(1), 8);
        ghosts.insert(&key(2), 8);
        assert!(ghosts.remove(&key(1)) && !ghosts.remove(&key(1)));
        // There are four places.
        ghosts.insert(&key(6), 8);
        assert!(ghosts.remove(&key(6)) && !ghosts.remove(&key(2)));
    }
}
