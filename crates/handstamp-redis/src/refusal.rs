use std::borrow::Cow;
use std::fmt;

use crate::redirection::Redirection;

/// An error reply: its code, and what that means to us.
///
/// The text behind the code is not kept. For a command that it does not know, a server quotes the arguments, and
/// those are keys and sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    code: Cow<'static, str>,
    meaning: Option<&'static str>,
    redirection: Option<Box<Redirection>>,
}

impl Refusal {
    /// The refusal that a server expressed by `text`.
    pub(crate) fn read(text: &str) -> Self {
        if let Some((_, meaning)) = ERRORS.iter().find(|(prefix, _)| text.starts_with(prefix)) {
            return Self { code: Cow::Borrowed(ERR), meaning: Some(meaning), redirection: None };
        }
        let redirection = Redirection::read(text).map(Box::new);
        let code = code_of(text).unwrap_or(ERR);
        match CODES.iter().find(|(known, _)| *known == code) {
            Some((code, meaning)) => Self { code: Cow::Borrowed(code), meaning: Some(meaning), redirection },
            None => Self { code: Cow::Owned(code.to_owned()), meaning: None, redirection },
        }
    }

    /// Whom to ask instead.
    pub(crate) fn redirection(&self) -> Option<&Redirection> {
        self.redirection.as_deref()
    }

    /// Whether `text` looks like what a server answers when it refuses: a code in capitals comes first.
    pub(crate) fn is_one(text: &str) -> bool {
        code_of(text).is_some()
    }

    /// Whether the server, or another in its place, may well do it in a moment. Nothing has been done.
    pub(crate) fn is_passing(&self) -> bool {
        PASSING.contains(&self.code())
    }

    /// The code, such as `READONLY` or `OOM`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        match self.meaning {
            Some(meaning) => write!(f, ": {meaning}"),
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

const ERR: &str = "ERR";
const MAX_CODE_LEN: usize = 20;
const CLUSTER: &str = "it is part of a cluster: use redis-cluster://, or REDIS_CLUSTER_NODES";
const MOVING: &str = "the sessions of this slot are moving to another server";

/// Error replies that are told apart by more than their code.
const ERRORS: [(&str, &str); 7] = [
    ("ERR No such master with that name", "it is a Sentinel that knows no primary of this name"),
    ("ERR This instance has cluster support disabled", "it is part of no cluster: use redis://"),
    ("ERR max number of clients", "it has no room for another client"),
    ("ERR unknown command", "it lacks a command; Redis 6.2 or Valkey 7.2 is needed"),
    ("ERR DB index is out of range", "it has no database of this number"),
    ("ERR The user executing the script", NO_PERMISSION),
    ("ERR ACL failure in script", NO_PERMISSION),
];

const CODES: [(&str, &str); 15] = [
    ("ASK", MOVING),
    ("BUSY", "it is busy with a script"),
    ("CLUSTERDOWN", "its cluster has no primary for this slot, or not enough primaries"),
    ("CROSSSLOT", CLUSTER),
    ("LOADING", "it is still loading its data"),
    ("MASTERDOWN", "it is a replica that has lost its primary"),
    ("MISCONF", "it cannot write to its disk"),
    ("MOVED", CLUSTER),
    ("NOPERM", NO_PERMISSION),
    ("NOREPLICAS", "it has too few replicas to take writes"),
    ("NOSCRIPT", "it does not know the script"),
    ("OOM", "it has no memory left"),
    ("READONLY", "it is a replica"),
    ("TRYAGAIN", MOVING),
    ("WRONGTYPE", "the key holds something that is no session"),
];

/// What servers answer while they take each other's place.
const PASSING: [&str; 5] = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN"];

const NO_PERMISSION: &str = "the user has no permission for this command, key or channel";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_they_mean() {
        for (text, shown) in [
            ("READONLY You can't write against a read only replica.", "READONLY: it is a replica"),
            ("ERR max number of clients reached", "ERR: it has no room for another client"),
            ("NEWCODE of a later server", "NEWCODE"),
            ("ERR invalid expire time in 'set' command", "ERR"),
            ("whatever", "ERR"),
            ("", "ERR"),
        ] {
            assert_eq!(Refusal::read(text).to_string(), shown, "{text:?}");
        }
    }

    #[test]
    fn no_argument_gets_through() {
        let quoted = "ERR unknown command 'EVALSHA', with args beginning with: 'shop:s:KEY' 'PAYLOAD'";
        let refusal = format!("{0} {0:?}", Refusal::read(quoted));
        assert!(!refusal.contains("KEY") && !refusal.contains("PAYLOAD"), "{refusal}");
    }
}
