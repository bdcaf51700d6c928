use std::fmt;

/// A setting that is invalid. It never repeats a secret or a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{variable}: {message}")]
#[non_exhaustive]
pub struct SettingError {
    /// The variable of the setting.
    pub variable: String,
    /// The mistake, or a correct value.
    pub message: String,
}

impl SettingError {
    pub(super) fn new(variable: &str, message: impl fmt::Display) -> Self {
        Self { variable: variable.to_owned(), message: message.to_string() }
    }

    /// The value is in quotes.
    pub(super) fn quoted(variable: &str) -> Self {
        Self::new(variable, "the quotes are part of the value: write it without them")
    }
}

/// The invalid settings, at least one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the Redis settings are invalid:{}", self.lines())]
pub struct InvalidSettings(Vec<SettingError>);

impl InvalidSettings {
    pub(super) const fn new(errors: Vec<SettingError>) -> Self {
        Self(errors)
    }

    /// Each of them.
    #[must_use]
    pub fn errors(&self) -> &[SettingError] {
        &self.0
    }

    fn lines(&self) -> String {
        self.0.iter().map(|error| format!("\n  {error}")).collect()
    }
}

/// The value, or `None` after recording the error.
pub(super) fn or_record<T, E: fmt::Display>(
    variable: &str,
    outcome: Result<T, E>,
    problems: &mut Vec<SettingError>,
) -> Option<T> {
    outcome.map_err(|error| problems.push(SettingError::new(variable, error))).ok()
}
