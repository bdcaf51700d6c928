use std::fmt;
use std::str::FromStr;

/// Which servers serve reads, as `primary` or `replica`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReadFrom {
    /// The primary. A read sees every write that was acknowledged before it.
    #[default]
    Primary,
    /// A replica, which may not have the latest writes yet. This takes load off the primary.
    Replica,
}

impl FromStr for ReadFrom {
    type Err = InvalidReadFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "primary" => Ok(Self::Primary),
            "replica" => Ok(Self::Replica),
            _ => Err(InvalidReadFrom),
        }
    }
}

impl fmt::Display for ReadFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        })
    }
}

/// The text is neither `primary` nor `replica`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("reads go to primary or to replica")]
#[non_exhaustive]
pub struct InvalidReadFrom;
