use std::fmt;
use std::str::FromStr;

/// Which servers answer reads, as `primary` or `replica`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReadFrom {
    /// The primary. A read knows every write that was answered before it.
    #[default]
    Primary,
    /// A replica, which may not know the latest writes yet. The primary has less to do.
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

/// The text names none of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("reads go to primary or to replica")]
pub struct InvalidReadFrom;
