use std::hash::{BuildHasherDefault, Hasher};

/// Builds hashers for maps by [`SessionKey`](crate::id::SessionKey), which is a hash already. A client cannot choose it.
pub type BuildHash64 = BuildHasherDefault<Passthrough>;

/// Returns the eight bytes that a `SessionKey` writes, unchanged.
#[derive(Debug, Default)]
pub struct Passthrough(u64);

impl Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Never called by `SessionKey`; correct for other types, if slow.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}
