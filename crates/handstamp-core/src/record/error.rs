/// Why an entry of the store cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes do not form an entry.
    #[error("the stored bytes are not a session record")]
    Malformed,
    /// The seal does not match: the entry was altered, or belongs to another session or another deployment.
    #[error("the seal of the stored record is not authentic")]
    Forged,
    /// It is sealed under a secret that this node does not have, or not yet.
    #[error("the stored record is sealed under an unknown secret")]
    UnknownKey,
    /// It was written by a newer version of this library, and must not be overwritten.
    #[error("the stored record was written by a newer version of the library: unknown {0}")]
    Newer(Unknown),
}

/// The part of an entry that this version does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
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
    /// A critical field, or a known field with different bits or in the wrong section.
    #[error("field {0}")]
    Field(u16),
    /// The encoding of the payload.
    #[error("encoding {0}")]
    Encoding(u8),
}

/// The subject has more than 65,535 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session's subject is longer than 65,535 bytes")]
pub struct SubjectTooLong;
