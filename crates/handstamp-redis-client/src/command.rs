use std::fmt;

use bytes::Bytes;

use crate::hash::sha1_hex;
use crate::{RedisError, Reply};

/// A command, and how it is to be sent.
///
/// ```
/// use handstamp_redis_client::Command;
///
/// let command = Command::write("SET").arg("key").arg("value").durable();
/// assert_eq!(format!("{command:?}"), "Command(SET)");
/// ```
#[derive(Clone)]
pub struct Command {
    pub(crate) operation: Operation,
    pub(crate) limit: Limit,
    pub(crate) durable: bool,
    /// The channel and the message.
    publication: Option<[Bytes; 2]>,
    /// The text of the script that the command names by its hash.
    script: Option<&'static str>,
}

#[derive(Clone)]
pub(crate) enum Operation {
    /// `GET` and `PTTL`, which the driver sends in one flush with those of other callers. It flushes the socket after every
    /// custom command.
    GetWithTtl(Bytes),
    /// Any other command, with its arguments.
    Custom(&'static str, Vec<Bytes>),
}

/// The configured limit of one attempt of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    /// [`RedisConfig::load_timeout`](crate::RedisConfig::load_timeout).
    Read,
    /// [`RedisConfig::save_timeout`](crate::RedisConfig::save_timeout).
    Write,
    /// Commands about the server itself: whether it replies, its role, its view of the cluster.
    Probe,
}

impl Command {
    /// A command that reads, within [`RedisConfig::load_timeout`](crate::RedisConfig::load_timeout).
    #[must_use]
    pub const fn read(name: &'static str) -> Self {
        Self::new(Operation::Custom(name, Vec::new()), Limit::Read)
    }

    /// A command that writes, within [`RedisConfig::save_timeout`](crate::RedisConfig::save_timeout).
    #[must_use]
    pub const fn write(name: &'static str) -> Self {
        Self::new(Operation::Custom(name, Vec::new()), Limit::Write)
    }

    /// A command about the server itself, within the limit of a read, and 200 milliseconds at least.
    #[must_use]
    pub const fn probe(name: &'static str) -> Self {
        Self::new(Operation::Custom(name, Vec::new()), Limit::Probe)
    }

    /// The value of a key and its time to live in milliseconds: a list of a string or nil, and an integer.
    #[must_use]
    pub const fn get_with_ttl(key: Bytes) -> Self {
        Self::new(Operation::GetWithTtl(key), Limit::Read)
    }

    /// Publishes a message on a channel.
    #[must_use]
    pub fn publish(channel: impl Into<Bytes>, message: impl Into<Bytes>) -> Self {
        Self::write("PUBLISH").arg(channel).arg(message)
    }

    /// Runs a script, which writes, on one key. It is sent by its hash, and by its text to a server that does not know it.
    #[must_use]
    pub fn script(script: &Script, key: &Bytes, arguments: impl IntoIterator<Item = Bytes>) -> Self {
        let head = [script.sha.clone(), Bytes::from_static(b"1"), key.clone()];
        let operation = Operation::Custom("EVALSHA", head.into_iter().chain(arguments).collect());
        Self { script: Some(script.source), ..Self::new(operation, Limit::Write) }
    }

    /// With one more argument. [`get_with_ttl`](Self::get_with_ttl) ignores it.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<Bytes>) -> Self {
        if let Operation::Custom(_, arguments) = &mut self.operation {
            arguments.push(argument.into());
        }
        self
    }

    /// Counts only once [`RedisConfig::wait_replicas`](crate::RedisConfig::wait_replicas) replicas have the write.
    #[must_use]
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// The message that this command makes its server publish. In a cluster, while the slot of the key moves, the server that
    /// gives it away publishes the message, too, so that a fence on its subscription covers it.
    #[must_use]
    pub fn publishing(mut self, channel: impl Into<Bytes>, message: impl Into<Bytes>) -> Self {
        self.publication = Some([channel.into(), message.into()]);
        self
    }

    /// The same command with the text of the script in place of its hash. `None` if it runs no script by hash.
    #[must_use]
    pub fn with_script_text(&self) -> Option<Self> {
        let source = self.script?;
        let mut command = Self { script: None, ..self.clone() };
        let Operation::Custom(name, arguments) = &mut command.operation else { return None };
        *name = "EVAL";
        *arguments.first_mut()? = Bytes::from_static(source.as_bytes());
        Some(command)
    }

    /// The command to send after this reply: the one with the text of the script, if the server does not know its hash.
    pub(crate) fn after(&self, reply: &Result<Reply, RedisError>) -> Option<Self> {
        match reply {
            Err(RedisError::ErrorReply(reply)) if reply.is_unknown_script() => self.with_script_text(),
            _ => None,
        }
    }

    pub(crate) fn publication(&self) -> Option<Self> {
        self.publication.clone().map(|[channel, message]| Self::publish(channel, message))
    }

    const fn new(operation: Operation, limit: Limit) -> Self {
        Self { operation, limit, durable: false, publication: None, script: None }
    }
}

/// Names the command only: arguments hold keys and values.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.operation {
            Operation::GetWithTtl(_) => "GET",
            Operation::Custom(name, _) => name,
        };
        write!(f, "Command({name})")
    }
}

/// A Lua script and its hash.
#[derive(Clone, Debug)]
pub struct Script {
    source: &'static str,
    sha: Bytes,
}

impl Script {
    /// The script of this text.
    #[must_use]
    pub fn new(source: &'static str) -> Self {
        Self { source, sha: sha1_hex(source).into() }
    }

    /// Its text.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_a_hash_and_a_text() {
        let script = Script::new("return 1");
        let by_hash = Command::script(&script, &"key".into(), ["argument".into()]);
        let Operation::Custom("EVALSHA", arguments) = &by_hash.operation else { panic!("{by_hash:?}") };
        assert_eq!(arguments[..], ["e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", "key", "argument"]);
        let by_text = by_hash.with_script_text().unwrap();
        let Operation::Custom("EVAL", arguments) = &by_text.operation else { panic!("{by_text:?}") };
        assert_eq!(arguments[..], ["return 1", "1", "key", "argument"]);
        assert!(by_text.with_script_text().is_none() && Command::read("GET").with_script_text().is_none());
    }

    #[test]
    fn debug_shows_no_argument() {
        let command =
            Command::write("SET").arg("secret-key").arg("secret-value").publishing("channel", "secret");
        assert_eq!(format!("{command:?}"), "Command(SET)");
    }
}
