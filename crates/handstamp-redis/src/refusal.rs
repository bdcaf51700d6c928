use std::borrow::Cow;
use std::fmt;

use crate::acl;
use crate::redirection::Redirection;

/// An error reply: its code, and what that means to us.
///
/// The text behind the code is not kept. For a command that it does not know, a server quotes the arguments, and
/// those are keys and sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    code: Cow<'static, str>,
    meaning: Option<&'static str>,
    /// What the meaning is about, as far as the server said so in words of ours.
    about: Option<&'static str>,
    redirection: Option<Box<Redirection>>,
}

impl Refusal {
    /// The refusal that a server expressed by `text`.
    pub(crate) fn read(text: &str) -> Self {
        if let Some(cause) = cause_in_script(text) {
            return match code_of(cause) {
                Some(_) => Self::read(cause),
                None => Self::read(&format!("{ERR} {cause}")),
            };
        }
        if let Some((_, code, meaning)) = ERRORS.iter().find(|(prefix, ..)| text.starts_with(prefix)) {
            let about = about(text).filter(|_| [NO_COMMAND, NO_PERMISSION].contains(meaning));
            return Self { code: Cow::Borrowed(code), meaning: Some(meaning), about, redirection: None };
        }
        let redirection = Redirection::read(text).map(Box::new);
        let code = code_of(text).unwrap_or(ERR);
        match CODES.iter().find(|(known, _)| *known == code) {
            Some((code, meaning)) => {
                let about = about(text).filter(|_| *code == NOPERM);
                Self { code: Cow::Borrowed(code), meaning: Some(meaning), about, redirection }
            }
            None => Self { code: Cow::Owned(code.to_owned()), meaning: None, about: None, redirection },
        }
    }

    /// What a server would say if the user had no permission to publish on the channel.
    pub(crate) const fn cannot_publish() -> Self {
        Self {
            code: Cow::Borrowed(NOPERM),
            meaning: Some(NO_PERMISSION),
            about: Some("publish on the channel of invalidations"),
            redirection: None,
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

    /// Whether it is about the state that the server is in, which serves other commands, or will again.
    pub(crate) fn is_temporary(&self) -> bool {
        self.is_passing() || TEMPORARY.contains(&self.code())
    }

    /// Whether the server cannot write to its disk. Then it refuses writes and `PING`, and nothing else.
    pub(crate) fn is_about_the_disk(&self) -> bool {
        self.code == MISCONF
    }

    /// Whether the server runs a script, and refuses nearly everything meanwhile.
    pub(crate) fn is_about_a_script(&self) -> bool {
        self.code == BUSY
    }

    /// Whether the user may not use the command, or the server does not have it.
    pub(crate) fn is_denial(&self) -> bool {
        self.code == NOPERM || self.meaning == Some(NO_COMMAND)
    }

    /// Whether the key holds another type than the command is for.
    pub(crate) fn is_wrong_type(&self) -> bool {
        self.code == WRONGTYPE
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
            Some(meaning) => write!(f, ": {meaning}")?,
            None => return Ok(()),
        }
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

/// The command, if it is one of ours, or whatever else the text is about. Where a server quotes arguments, they come after the
/// command.
fn about(text: &str) -> Option<&'static str> {
    let command = text.split(['\'', '`']).nth(1).and_then(acl::command_named);
    command.or_else(|| SUBJECTS.iter().find(|(part, _)| text.contains(part)).map(|(_, subject)| *subject))
}

/// The error within an error that a script ended with. Redis 6.2 puts it behind the places in the script:
/// `ERR Error running script (call to f_...): @user_script:5: @user_script: 5: -READONLY You can't write ...`.
fn cause_in_script(text: &str) -> Option<&str> {
    let (_, place) = text.strip_prefix(SCRIPT_ERROR)?.rsplit_once(SCRIPT)?;
    let cause =
        place.trim_start_matches([':', ' ']).trim_start_matches(|letter: char| letter.is_ascii_digit());
    let cause = cause.strip_prefix(": ")?;
    Some(cause.strip_prefix('-').unwrap_or(cause))
}

const ERR: &str = "ERR";
const BUSY: &str = "BUSY";
const MISCONF: &str = "MISCONF";
const NOPERM: &str = "NOPERM";
const WRONGTYPE: &str = "WRONGTYPE";
const SCRIPT_ERROR: &str = "ERR Error running script";
const SCRIPT: &str = "user_script";
const MAX_CODE_LEN: usize = 20;
const CLUSTER: &str = "it is part of a cluster: use redis-cluster://, or REDIS_CLUSTER_NODES";
const MOVING: &str = "the sessions of this slot are moving to another server";

/// Error replies that are told apart by more than their code, and the code that they should have.
const ERRORS: [(&str, &str, &str); 11] = [
    ("ERR No such master with that name", ERR, "it is a Sentinel that knows no primary of this name"),
    ("ERR This instance has cluster support disabled", ERR, "it is part of no cluster: use redis://"),
    ("ERR max number of clients", ERR, "it has no room for another client"),
    ("ERR unknown command", ERR, NO_COMMAND),
    ("ERR Unknown Redis command called from", ERR, NO_COMMAND),
    ("ERR Unknown command called from", ERR, NO_COMMAND),
    ("ERR Invalid command passed to", ERR, NO_COMMAND),
    ("ERR DB index is out of range", ERR, "it has no database of this number"),
    ("ERR The user executing the script", NOPERM, NO_PERMISSION),
    ("ERR ACL failure in script", NOPERM, NO_PERMISSION),
    ("ERR WAIT cannot be used with replica instances", "READONLY", "it is a replica"),
];

const CODES: [(&str, &str); 16] = [
    ("ASK", MOVING),
    (BUSY, "it is busy with a script"),
    ("CLUSTERDOWN", "its cluster has no primary for this slot, or not enough primaries"),
    ("CROSSSLOT", CLUSTER),
    ("DENIED", "it is in protected mode, and accepts connections from its own host only"),
    ("LOADING", "it is still loading its data"),
    ("MASTERDOWN", "it is a replica that has lost its primary"),
    (MISCONF, "it cannot write to its disk, and takes no writes until it can"),
    ("MOVED", CLUSTER),
    (NOPERM, NO_PERMISSION),
    ("NOREPLICAS", "it has too few replicas to take writes (min-replicas-to-write)"),
    ("NOSCRIPT", "it does not know the script"),
    ("OOM", "it has no memory left (maxmemory)"),
    ("READONLY", "it is a replica"),
    ("TRYAGAIN", MOVING),
    (WRONGTYPE, "the key holds something that is no session"),
];

/// What servers answer while they take each other's place.
const PASSING: [&str; 5] = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN"];

/// Errors of a server that can be reached, and cannot carry out the command at present.
const TEMPORARY: [&str; 2] = [BUSY, MISCONF];

/// What a user may lack permission for, by a part of the text.
const SUBJECTS: [(&str, &str); 4] = [
    ("access a key", KEYS),
    ("of the keys", KEYS),
    ("channel", CHANNEL),
    ("can't run this command", "a command in a script"),
];

const KEYS: &str = "the keys of sessions";
const CHANNEL: &str = "the channel of invalidations";
const NO_COMMAND: &str =
    "it lacks a command, or has it under another name; Redis 6.2 or Valkey 7.2 is needed";
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
            (
                "DENIED Redis is running in protected mode because",
                "DENIED: it is in protected mode, and accepts connections from its own host only",
            ),
            ("ERR invalid expire time in 'set' command", "ERR"),
            ("whatever", "ERR"),
            ("", "ERR"),
        ] {
            assert_eq!(Refusal::read(text).to_string(), shown, "{text:?}");
        }
    }

    /// L8: texts that Redis 6.2 has sent.
    #[test]
    fn l8_the_error_within_the_error_of_a_script_counts() {
        for (inner, code) in [
            ("@user_script: 1: -READONLY You can't write against a read only replica.", "READONLY"),
            ("@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
            ("@user_script: 1: -MISCONF Redis is configured to save RDB snapshots, but", "MISCONF"),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
            ("@user_script: 1: The user executing the script can't run this command or", "NOPERM"),
            ("@user_script: 1: The user executing the script can't publish to the channel", "NOPERM"),
            ("@user_script: 1: Unknown Redis command called from Lua script", "ERR"),
            ("user_script:1: attempt to call field 'acl_check_cmd' (a nil value)", "ERR"),
        ] {
            let text = format!("ERR Error running script (call to f_fea3982): @user_script:21: {inner}\n");
            let refusal = Refusal::read(&text);
            assert_eq!(refusal.code(), code, "{text}");
            assert_eq!(
                refusal.is_denial(),
                inner.contains("user executing") || inner.contains("Unknown"),
                "{text}"
            );
        }
        assert!(
            Refusal::read("ERR Error running script (call to f_1): @user_script:1: -READONLY x").is_passing()
        );
        assert_eq!(Refusal::read("ERR Error running script").code(), "ERR");
    }

    #[test]
    fn k11_refusals_name_the_command() {
        for (text, shown) in [
            ("NOPERM this user has no permissions to run the 'evalsha' command", " (evalsha)"),
            ("NOPERM User app has no permissions to run the 'client|setname' command", " (client|setname)"),
            ("NOPERM User app has no permissions to run the 'flushall' command", "key or channel"),
            ("NOPERM No permissions to access a key", " (the keys of sessions)"),
            (
                "NOPERM this user has no permissions to access one of the channels used as arguments",
                " (the channel of invalidations)",
            ),
            ("ERR ACL failure in script: User app has no permissions to run the 'set' command", " (set)"),
            (
                "ERR The user executing the script can't run this command or subcommand script: 1",
                " (a command in a script)",
            ),
            ("ERR unknown command 'EVALSHA', with args beginning with: 'get'", " (evalsha)"),
            ("ERR unknown command `PUBLISH`, with args beginning with: `get`", " (publish)"),
            ("ERR unknown command 'FOO', with args beginning with: 'get'", "is needed"),
        ] {
            let refusal = Refusal::read(text).to_string();
            assert!(refusal.ends_with(shown), "{refusal}");
        }
    }

    #[test]
    fn no_argument_gets_through() {
        let quoted = "ERR unknown command 'EVALSHA', with args beginning with: 'shop:s:KEY' 'PAYLOAD'";
        let refusal = format!("{0} {0:?}", Refusal::read(quoted));
        assert!(!refusal.contains("KEY") && !refusal.contains("PAYLOAD"), "{refusal}");
    }
}
