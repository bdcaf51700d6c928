mod meaning;
mod redirection;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub(crate) use self::redirection::{Kind, Redirection};

/// An error reply: its code, and what it means.
///
/// The text behind the code is not kept. For an unknown command, a server quotes the arguments, and those are keys and values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorReply {
    code: Cow<'static, str>,
    meaning: Option<&'static str>,
    /// The command, key or channel that it is about, in words of this crate.
    about: Option<&'static str>,
    redirection: Option<Box<Redirection>>,
}

impl ErrorReply {
    /// Reads the text of an error reply, such as `READONLY You can't write against a read only replica.`
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(cause) = cause_in_script(text) {
            return match code_of(cause) {
                Some(_) => Self::parse(cause),
                None => Self::parse(&format!("{ERR} {cause}")),
            };
        }
        if let Some((code, meaning)) = meaning::of_text(text) {
            let about = meaning::subject(text).filter(|_| meaning::is_about_a_subject(meaning));
            return Self { code: Cow::Borrowed(code), meaning: Some(meaning), about, redirection: None };
        }
        let redirection = Redirection::parse(text).map(Box::new);
        let code = code_of(text).unwrap_or(ERR);
        match meaning::of_code(code) {
            Some((code, meaning)) => {
                let about = meaning::subject(text).filter(|_| code == NOPERM);
                Self { code: Cow::Borrowed(code), meaning: Some(meaning), about, redirection }
            }
            None => Self { code: Cow::Owned(code.to_owned()), meaning: None, about: None, redirection },
        }
    }

    /// The code, such as `READONLY` or `OOM`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether the server, or the next primary, may well accept the command in a moment. Nothing has been done.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        TRANSIENT.contains(&self.code())
    }

    /// Whether the user lacks the permission, or the server lacks the command.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        self.code == NOPERM || self.meaning == Some(meaning::NO_COMMAND)
    }

    /// Whether the key holds another type than the command is for.
    #[must_use]
    pub fn is_wrong_type(&self) -> bool {
        self.code == WRONGTYPE
    }

    /// Whether the server cannot write to its disk. Then it rejects writes and `PING`, and nothing else.
    #[must_use]
    pub fn is_disk_error(&self) -> bool {
        self.code == MISCONF
    }

    /// Whether the server runs a script, and rejects nearly everything meanwhile.
    #[must_use]
    pub fn is_busy_script(&self) -> bool {
        self.code == BUSY
    }

    /// Whether the key is on another server of the cluster.
    #[must_use]
    pub fn is_redirection(&self) -> bool {
        self.redirection.is_some()
    }

    /// Whether the server is a replica.
    pub(crate) fn is_read_only(&self) -> bool {
        self.code == READONLY
    }

    /// Whether the cluster has no primary for the slot, or too few primaries.
    pub(crate) fn is_cluster_down(&self) -> bool {
        self.code == CLUSTERDOWN
    }

    /// Whether the server does not know a script by its hash.
    #[must_use]
    pub fn is_unknown_script(&self) -> bool {
        self.code == NOSCRIPT
    }

    /// Whether it is about a state of the server that passes.
    pub(crate) fn is_temporary(&self) -> bool {
        self.is_transient() || [BUSY, MISCONF].contains(&self.code())
    }

    pub(crate) fn redirection(&self) -> Option<&Redirection> {
        self.redirection.as_deref()
    }

    /// Whether `text` looks like an error reply: a code in capitals comes first.
    pub(crate) fn looks_like(text: &str) -> bool {
        code_of(text).is_some()
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        let Some(meaning) = self.meaning else { return Ok(()) };
        write!(f, ": {meaning}")?;
        match self.about {
            Some(about) => write!(f, " ({about})"),
            None => Ok(()),
        }
    }
}

fn code_of(text: &str) -> Option<&str> {
    let word = text.split(' ').next()?;
    let is_code =
        (2..=MAX_CODE_LEN).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then_some(word)
}

/// The error within the error that a script ended with. Redis 6.2 puts it behind the line of the script:
/// `ERR Error running script (call to f_...): @user_script:5: @user_script: 5: -READONLY You can't write ...`.
fn cause_in_script(text: &str) -> Option<&str> {
    let (_, line) = text.strip_prefix(SCRIPT_ERROR)?.rsplit_once(SCRIPT)?;
    let cause =
        line.trim_start_matches([':', ' ']).trim_start_matches(|letter: char| letter.is_ascii_digit());
    let cause = cause.strip_prefix(": ")?;
    Some(cause.strip_prefix('-').unwrap_or(cause))
}

const ERR: &str = "ERR";
const BUSY: &str = "BUSY";
const CLUSTERDOWN: &str = "CLUSTERDOWN";
const MISCONF: &str = "MISCONF";
const NOPERM: &str = "NOPERM";
const NOSCRIPT: &str = "NOSCRIPT";
const READONLY: &str = "READONLY";
const WRONGTYPE: &str = "WRONGTYPE";
const SCRIPT_ERROR: &str = "ERR Error running script";
const SCRIPT: &str = "user_script";
const MAX_CODE_LEN: usize = 20;

/// Errors during a failover, a restart, or the move of a slot.
const TRANSIENT: [&str; 5] = [CLUSTERDOWN, "LOADING", "MASTERDOWN", READONLY, "TRYAGAIN"];
