/// The bytes in the store cannot be taken for the session that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// They are no record.
    #[error("the stored bytes are no session record")]
    Malformed,
    /// Their seal is not one of this deployment: the record was altered, or is that of another session.
    #[error("the seal of the stored record is not authentic")]
    Forged,
    /// They are sealed under a secret that this node does not have, or not yet.
    #[error("the stored record is sealed under an unknown secret")]
    UnknownKey,
    /// A newer version of this library has written them. They must not be overwritten.
    #[error("the stored record was written by a newer version of the library: it has the unknown {0}")]
    Newer(Unknown),
}

/// What this version does not know of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unknown {
    /// The version of the format.
    #[error("format {0}")]
    Format(u8),
    /// A flag.
    #[error("flags {0:#04x}")]
    Flags(u8),
    /// The kind of seal.
    #[error("seal {0}")]
    Seal(u8),
    /// A critical field, or one of a known number that has other bits or stands elsewhere than it should.
    #[error("field {0}")]
    Field(u16),
    /// The encoding of the payload.
    #[error("encoding {0}")]
    Encoding(u8),
}

/// A subject can have at most 65,535 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session's subject is longer than 65,535 bytes")]
pub struct SubjectTooLong;
