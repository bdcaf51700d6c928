use bytes::Bytes;
use redis::{Cmd, ServerError, Value};

use crate::{ErrorReply, RedisError, Reply};

pub(super) fn command(name: &str, arguments: &[Bytes]) -> Cmd {
    let bytes = arguments.iter().map(Bytes::len).sum::<usize>();
    let mut command = Cmd::with_capacity(arguments.len() + 1, name.len() + bytes);
    command.arg(name);
    for argument in arguments {
        command.arg(&argument[..]);
    }
    command
}

/// The reply, as the server sent it.
pub(super) fn reply(value: Value) -> Result<Reply, RedisError> {
    match value {
        Value::BulkString(bytes) => Ok(Reply::Bytes(bytes.into())),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(Reply::Bytes(text.into())),
        Value::Okay => Ok(Reply::Bytes(Bytes::from_static(b"OK"))),
        Value::Int(integer) => Ok(Reply::Integer(integer)),
        Value::Nil => Ok(Reply::Nil),
        Value::Array(values) => list(values),
        // A list, as in the older protocol.
        Value::Map(pairs) => list(pairs.into_iter().flat_map(|(key, value)| [key, value])),
        Value::ServerError(error) => Err(RedisError::ErrorReply(error_reply(&error))),
        _ => Err(RedisError::UnexpectedReply),
    }
}

/// The list of these replies, or the first error among them.
pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Result<Reply, RedisError> {
    values.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::List)
}

/// redis-rs keeps the text in two parts, divided at its first space.
pub(super) fn error_reply(error: &ServerError) -> ErrorReply {
    match error.details() {
        Some(details) => ErrorReply::parse(&format!("{} {details}", error.code())),
        None => ErrorReply::parse(error.code()),
    }
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn replied(bytes: &[u8]) -> Result<Reply, RedisError> {
        reply(parse_redis_value(bytes).unwrap())
    }

    #[test]
    fn commands_are_sent_as_arrays() {
        let packed = command("SET", &["key".into(), "\r\n".into()]).get_packed_command();
        assert_eq!(packed, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$2\r\n\r\n\r\n");
    }

    #[test]
    fn replies_of_both_protocols_are_the_same() {
        let text = |text: &'static str| Ok(Reply::Bytes(text.into()));
        for bytes in [&b"+PONG\r\n"[..], b"$4\r\nPONG\r\n", b"=8\r\ntxt:PONG\r\n"] {
            assert_eq!(replied(bytes), text("PONG"));
        }
        assert_eq!(replied(b"+OK\r\n"), text("OK"));
        for bytes in [&b"_\r\n"[..], b"$-1\r\n", b"*-1\r\n"] {
            assert_eq!(replied(bytes), Ok(Reply::Nil));
        }
        let pair = Reply::List(vec![Reply::Bytes("a".into()), Reply::Integer(1)]);
        for bytes in [&b"%1\r\n+a\r\n:1\r\n"[..], b"*2\r\n$1\r\na\r\n:1\r\n"] {
            assert_eq!(replied(bytes), Ok(pair.clone()));
        }
        assert_eq!(replied(b"#t\r\n"), Err(RedisError::UnexpectedReply));
    }

    #[test]
    fn error_replies_keep_their_text() {
        for text in [
            "MOVED 3999 127.0.0.1:6381",
            "ASK 3999 127.0.0.1:6381",
            "LOADING Redis is loading the dataset in memory",
            "ERR max number of clients reached",
            "ERR  two spaces",
            "DENIED Redis is running in protected mode because",
            "CODE",
        ] {
            for bytes in [format!("-{text}\r\n"), format!("*1\r\n-{text}\r\n")] {
                let expected = RedisError::ErrorReply(ErrorReply::parse(text));
                assert_eq!(replied(bytes.as_bytes()), Err(expected), "{text}");
            }
        }
    }
}
