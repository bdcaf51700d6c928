use std::fmt;
use std::str::FromStr;

/// The transport of invalidations from node to node, as `pubsub` or `tracking`: see [`RedisConfig::tracking`].
///
/// [`RedisConfig::tracking`]: crate::RedisConfig::tracking
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidationTransport {
    /// Messages on a [`Channel`](crate::Channel), published by the script that changes a session.
    #[default]
    PubSub,
    /// Client tracking: the server itself announces changed keys to the nodes that have read them.
    Tracking,
}

impl FromStr for InvalidationTransport {
    type Err = InvalidInvalidationTransport;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pubsub" => Ok(Self::PubSub),
            "tracking" => Ok(Self::Tracking),
            _ => Err(InvalidInvalidationTransport),
        }
    }
}

impl fmt::Display for InvalidationTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PubSub => "pubsub",
            Self::Tracking => "tracking",
        })
    }
}

/// The text is neither `pubsub` nor `tracking`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalidations are carried by pubsub or by tracking")]
#[non_exhaustive]
pub struct InvalidInvalidationTransport;
