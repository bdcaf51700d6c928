use std::fmt;

/// The settings of a node are invalid. `Display` has a line for each problem, which names the setting and says what would be correct. It
/// never repeats a secret or a password.
#[derive(Clone, Eq, PartialEq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The settings that are wrong or missing, by the names of their variables.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(|problem| &*problem.setting)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session settings are invalid:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.setting, problem.message))
    }
}

/// The same as `Display`, because this is printed when `main` returns the error.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// One setting that is invalid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    pub(super) setting: String,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(setting: &str, message: impl fmt::Display) -> Self {
        Self { setting: setting.to_owned(), message: message.to_string() }
    }

    /// The value is between quotes.
    pub(super) fn quoted(setting: &str) -> Self {
        Self::new(setting, QUOTED)
    }
}

pub(super) const QUOTED: &str = "the quotes are part of the value: write it without them";
