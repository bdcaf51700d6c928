//! The meaning of error replies, in words that repeat nothing a server sent.

use super::{BUSY, CLUSTERDOWN, ERR, MISCONF, NOPERM, NOSCRIPT, READONLY, WRONGTYPE};

/// The code and the meaning of an error reply that is known by more than its code.
pub(super) fn of_text(text: &str) -> Option<(&'static str, &'static str)> {
    TEXTS.iter().find(|(prefix, ..)| text.starts_with(prefix)).map(|(_, code, meaning)| (*code, *meaning))
}

/// The meaning of a code.
pub(super) fn of_code(code: &str) -> Option<(&'static str, &'static str)> {
    CODES.into_iter().find(|(known, _)| *known == code)
}

/// Whether errors of this meaning name a command, key or channel.
pub(super) fn is_about_a_subject(meaning: &str) -> bool {
    [NO_COMMAND, NO_PERMISSION].contains(&meaning)
}

/// The command, key or channel that an error is about. Where a server quotes arguments, they come after the command.
pub(super) fn subject(text: &str) -> Option<&'static str> {
    let quoted = text.split(['\'', '`']).nth(1);
    let command = quoted.and_then(|name| COMMANDS.into_iter().find(|known| known.eq_ignore_ascii_case(name)));
    command.or_else(|| SUBJECTS.iter().find(|(part, _)| text.contains(part)).map(|(_, subject)| *subject))
}

pub(super) const NO_COMMAND: &str =
    "it lacks a command, or has it under another name; Redis 6.2 or Valkey 7.2 is needed";
const NO_PERMISSION: &str = "the user has no permission for this command, key or channel";
const CLUSTER: &str = "it is part of a cluster: use redis-cluster://, or REDIS_CLUSTER_NODES";
const MOVING: &str = "the keys of this slot are moving to another server";

/// By the beginning of the text: the code that it should have, and the meaning.
const TEXTS: [(&str, &str, &str); 11] = [
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
    ("ERR WAIT cannot be used with replica instances", READONLY, "it is a replica"),
];

const CODES: [(&str, &str); 16] = [
    ("ASK", MOVING),
    (BUSY, "it is busy with a script"),
    (CLUSTERDOWN, "its cluster has no primary for this slot, or not enough primaries"),
    ("CROSSSLOT", CLUSTER),
    ("DENIED", "it is in protected mode, and accepts connections from its own host only"),
    ("LOADING", "it is still loading its data"),
    ("MASTERDOWN", "it is a replica that has lost its primary"),
    (MISCONF, "it cannot write to its disk, and accepts no writes until it can"),
    ("MOVED", CLUSTER),
    (NOPERM, NO_PERMISSION),
    ("NOREPLICAS", "it has too few replicas to accept writes (min-replicas-to-write)"),
    (NOSCRIPT, "it does not know the script"),
    ("OOM", "it has no memory left (maxmemory)"),
    (READONLY, "it is a replica"),
    ("TRYAGAIN", MOVING),
    (WRONGTYPE, "the key holds another type of value"),
];

/// The commands that errors may name.
const COMMANDS: [&str; 24] = [
    "asking",
    "client|id",
    "client|setname",
    "client|tracking",
    "cluster|info",
    "cluster|slots",
    "del",
    "eval",
    "evalsha",
    "exists",
    "get",
    "getrange",
    "info",
    "pexpire",
    "ping",
    "pttl",
    "publish",
    "readonly",
    "role",
    "scan",
    "select",
    "set",
    "subscribe",
    "wait",
];

/// Missing permissions, by a part of the text.
const SUBJECTS: [(&str, &str); 5] = [
    ("to publish on the channel", "publish on the channel"),
    ("access a key", KEYS),
    ("of the keys", KEYS),
    ("channel", "the channel"),
    ("can't run this command", "a command in a script"),
];

const KEYS: &str = "the keys";
