/// Names a primary: the only one, or one of a cluster. A primary that is elected gets a new id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardId(u32);

impl ShardId {
    /// The primary of a deployment that has just one.
    pub const ONLY: Self = Self(0);

    /// The shard of this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number, which no two primaries of a client share.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}
