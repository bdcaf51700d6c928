use std::fmt;
use std::io;
use std::process::ExitStatus;

/// Why a task failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command ended with a status other than zero.
    Failed { command: String, status: ExitStatus },
    /// The command could not be started.
    NotStarted { command: String, error: io::Error },
    /// A message that says what to do.
    Message(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::NotStarted { command, error } => write!(f, "`{command}` could not be started: {error}"),
            Self::Message(text) => f.write_str(text),
        }
    }
}
