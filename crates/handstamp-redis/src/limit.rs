/// Which of the configured limits one attempt of a command is held to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    /// Reads: [`RedisConfig::load_timeout`](crate::RedisConfig::load_timeout).
    Read,
    /// Writes: [`RedisConfig::save_timeout`](crate::RedisConfig::save_timeout).
    Write,
    /// Questions about the server itself: whether it replies, which role it has, what its cluster is like.
    Probe,
}
