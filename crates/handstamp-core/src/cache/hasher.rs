use std::hash::{BuildHasherDefault, Hasher};

/// Builds hashers for [`SessionKey`](crate::id::SessionKey)s, which are hashes already.
pub(super) type BuildHash64 = BuildHasherDefault<Spread>;

/// Takes the eight bytes that a `SessionKey` gives for the hash that they are.
#[derive(Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, spread: u64) {
        self.0 = spread;
    }

    /// `SessionKey` never comes this way. Correct for anything, if slow.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}
