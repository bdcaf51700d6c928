use std::fmt;
use std::ops::RangeInclusive;

/// A set of slots.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Slots(Box<[u64; WORDS]>);

impl Slots {
    /// The number of slots of a cluster.
    pub(crate) const COUNT: u16 = 16_384;

    pub(crate) fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    pub(crate) fn insert(&mut self, range: RangeInclusive<u16>) {
        for slot in range.filter(|slot| *slot < Self::COUNT) {
            self.0[usize::from(slot / 64)] |= 1 << (slot % 64);
        }
    }

    /// Whether `other` has all slots of this set.
    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().zip(&*other.0).all(|(mine, theirs)| mine & !theirs == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        (0..Self::COUNT).filter(|slot| self.0[usize::from(slot / 64)] >> (slot % 64) & 1 == 1)
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slots({})", self.len())
    }
}

const WORDS: usize = Slots::COUNT as usize / 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_add_up() {
        let mut some = Slots::new();
        assert_eq!(some.len(), 0);
        some.insert(60..=70);
        some.insert(16_383..=16_383);
        some.insert(20_000..=20_001);
        assert_eq!((some.len(), some.iter().next(), some.iter().last()), (12, Some(60), Some(16_383)));
        let mut more = some.clone();
        more.insert(0..=0);
        assert!(some.is_subset(&more) && !more.is_subset(&some) && Slots::new().is_subset(&some));
    }
}
