use std::fmt;
use std::str::FromStr;

/// What carries invalidations from node to node, as `pubsub` or `tracking`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// Messages that whoever changes a session publishes on a [`Channel`](crate::Channel).
    #[default]
    PubSub,
    /// Client tracking: the server itself tells the nodes which keys have changed.
    Tracking,
}

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pubsub" => Ok(Self::PubSub),
            "tracking" => Ok(Self::Tracking),
            _ => Err(UnknownTransport),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PubSub => "pubsub",
            Self::Tracking => "tracking",
        })
    }
}

/// The text names none of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalidations are carried by pubsub or by tracking")]
pub struct UnknownTransport;
