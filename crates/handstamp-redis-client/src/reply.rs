use bytes::Bytes;

/// The reply of a server, in the types that both versions of the protocol share.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// A bulk, simple or verbatim string.
    Bytes(Bytes),
    /// An integer.
    Integer(i64),
    /// An array.
    List(Vec<Self>),
    /// Null.
    Nil,
}

impl Reply {
    /// The integer, if it is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub const fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list.as_slice()),
            _ => None,
        }
    }

    /// The text, if it is a string in UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
