use std::fmt;
use std::io;
use std::process::ExitStatus;

/// Why a chore could not be finished.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command ended with a status other than zero.
    Failed { command: String, status: ExitStatus },
    /// The command could not be started.
    NotStarted { command: String, error: io::Error },
    /// Something that only the reader can put right.
    Needed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::NotStarted { command, error } => write!(f, "`{command}` could not be started: {error}"),
            Self::Needed(text) => f.write_str(text),
        }
    }
}
