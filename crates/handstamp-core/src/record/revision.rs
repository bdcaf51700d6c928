use std::fmt;

use crate::id::{RandomError, random_bytes};
use crate::time::Timestamp;

/// Identifies a save of a record: a counter, and 64 random bits of each save.
///
/// After a failover that lost an acknowledged save, the counter repeats, but the random bits do not. So two different saves
/// never have the same revision.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Revision {
    counter: u64,
    bits: [u8; 8],
}

impl Revision {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Later than the revision of any save: no copy survives its announcement.
    pub const LATEST: Self = Self::from_bytes([0xff; Self::LEN]);

    /// The revision of a record's first save.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn first() -> Result<Self, RandomError> {
        random_bytes().map(|bits| Self { counter: 1, bits })
    }

    /// The revision of the save after this one, which is made `now`.
    ///
    /// Its bits come from a generator of this process, which is faster than a system call: they have to be unique, not secret. The time is
    /// mixed in, because the generators of a forked process, or of a copy of a virtual machine, return the same bits.
    ///
    /// # Panics
    ///
    /// When the operating system has no random bytes to seed that generator, as a hash map of the standard library does.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        self.followed_by(rand::random(), now)
    }

    const fn followed_by(self, random: u64, now: Timestamp) -> Self {
        let bits = random ^ now.as_millis().wrapping_mul(ODD);
        Self { counter: self.counter.saturating_add(1), bits: bits.to_be_bytes() }
    }

    /// The number of saves, including this one.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.counter
    }

    /// Whether a copy of this revision stays valid when `announced` was saved: only if it is that very save, or a later one that
    /// overtook the message.
    #[must_use]
    pub fn survives(self, announced: Self) -> bool {
        self == announced || self.counter > announced.counter
    }

    /// Its encoding in records and messages.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes[8..].copy_from_slice(&self.bits);
        bytes
    }

    /// The revision encoded in these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, bits @ ..] = bytes;
        Self { counter: u64::from_be_bytes([a, b, c, d, e, f, g, h]), bits }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revision({}-{:016x})", self.counter, u64::from_be_bytes(self.bits))
    }
}

/// Spreads milliseconds over all bits; 2^64 divided by the golden ratio.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1);

    #[test]
    fn two_saves_never_share_a_revision() {
        let first = Revision::first().unwrap();
        let (one, other) = (first.next(NOW), first.next(NOW));
        assert_eq!((one.counter(), other.counter()), (2, 2));
        assert_ne!(one, other);
    }

    /// The generators of a forked process return the same bits as those of its parent.
    #[test]
    fn two_saves_with_the_same_random_bits_differ_by_their_times() {
        let first = Revision::first().unwrap();
        let [one, other] = [1, 2].map(|millis| first.followed_by(7, Timestamp::from_millis(millis)));
        assert_ne!(one, other);
    }

    #[test]
    fn only_the_announced_save_or_a_later_one_survives() {
        let first = Revision::first().unwrap();
        let second = first.next(NOW);
        assert!(second.survives(second) && second.survives(first));
        assert!(!first.survives(second));
        assert!(!second.survives(first.next(NOW)), "the same counter with other bits is another save");
    }

    #[test]
    fn the_encoding_round_trips() {
        let revision = Revision::first().unwrap().next(NOW);
        assert_eq!(Revision::from_bytes(revision.to_bytes()), revision);
        assert_eq!(revision.to_bytes()[..8], [0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
