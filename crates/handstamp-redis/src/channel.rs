use std::fmt;
use std::str::FromStr;

use handstamp_core::id::Namespace;

/// The Pub/Sub channel of invalidations. All nodes of an application share one.
///
/// Channels are shared by all databases of a server, so two applications on one server need two channels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channel(String);

impl Channel {
    /// The maximum length of the name in bytes.
    pub const MAX_LEN: usize = 128;

    /// The channel of this name.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 128 visible ASCII characters, and does not begin with `__`, as the channels of the server
    /// itself do.
    pub fn new(name: &str) -> Result<Self, InvalidChannel> {
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if name.is_empty() || name.len() > Self::MAX_LEN || !visible || name.starts_with("__") {
            return Err(InvalidChannel);
        }
        Ok(Self(name.to_owned()))
    }

    /// The default channel of a namespace: `<namespace>:invalidate`.
    #[must_use]
    pub fn of(namespace: &Namespace) -> Self {
        Self(format!("{}:invalidate", namespace.as_str()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Channel {
    type Err = InvalidChannel;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no valid name of a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a channel is 1 to 128 visible ASCII characters, the first two of which are not __")]
#[non_exhaustive]
pub struct InvalidChannel;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(Channel::of(&Namespace::default()).as_str(), "handstamp:invalidate");
        assert_eq!(Channel::new("shop:invalidate").unwrap().as_str(), "shop:invalidate");
        for name in ["", "two words", "läden", "__keyspace@0__:x", &"x".repeat(129)] {
            assert_eq!(Channel::new(name), Err(InvalidChannel), "{name:?}");
        }
    }
}
