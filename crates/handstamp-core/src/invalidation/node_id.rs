use std::fmt;
use std::sync::Arc;

/// The name of a node, as it appears in messages, logs and responses.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 90;

    /// The id of the node called `name`.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 90 visible ASCII characters.
    pub fn new(name: &str) -> Result<Self, InvalidNodeId> {
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(InvalidNodeId);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a valid node id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a node id is 1 to 90 visible ASCII characters")]
#[non_exhaustive]
pub struct InvalidNodeId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_are_validated() {
        for name in ["", "two words", "näher", &"x".repeat(91)] {
            assert_eq!(NodeId::new(name), Err(InvalidNodeId), "{name:?}");
        }
    }
}
