use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::error::{SettingError, or_record};
use super::quotes::without_quotes;

/// The value of a variable is not valid UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("its value is not valid UTF-8")]
pub struct NotUtf8;

/// Reads variables, and collects the problems with their values.
pub(super) struct Vars<F> {
    var: F,
    pub(super) problems: Vec<SettingError>,
}

impl<F: Fn(&str) -> Result<Option<String>, NotUtf8>> Vars<F> {
    pub(super) const fn new(var: F) -> Self {
        Self { var, problems: Vec::new() }
    }

    /// The value without surrounding white space; `None` if it is empty. Quotes around it are a problem.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let text = self.raw(name)?;
        if let Some(inner) = without_quotes(&text) {
            self.problems.push(SettingError::quoted(name));
            return Some(inner.to_owned());
        }
        Some(text)
    }

    /// [`text`](Self::text), for values separated by commas, each of which may be between quotes by mistake.
    pub(super) fn list(&mut self, name: &str) -> Option<String> {
        let list = self.text(name)?;
        if list.split(',').any(|part| without_quotes(part.trim()).is_some()) {
            self.problems.push(SettingError::quoted(name));
        }
        Some(list)
    }

    /// [`text`](Self::text), where quotes may be part of the value.
    pub(super) fn raw(&mut self, name: &str) -> Option<String> {
        let text = or_record(name, (self.var)(name), &mut self.problems)??;
        // Any variable may hold a secret, if only by mistake.
        let text = Zeroizing::new(text);
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.parse(name, |text| text.parse().map_err(|_| "is not a whole number"))
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.parse(name, |text| match text {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err("is not true or false"),
        })
    }

    /// The error of `parse` completes a sentence that begins with the value.
    pub(super) fn parse<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text)
            .map_err(|error| {
                self.problems.push(SettingError::new(name, format_args!("{} {error}", Value(&text))));
            })
            .ok()
    }
}

/// A value as errors show it. A long one may be a secret in the wrong variable, so it is not repeated.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.chars().count() {
            0..=LONGEST_SHOWN => write!(f, "{:?}", self.0),
            length => write!(f, "a value of {length} characters"),
        }
    }
}

const LONGEST_SHOWN: usize = 16;
