use bytes::Bytes;
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};

use crate::{ErrorReply, RedisError, Reply};

pub(super) fn custom(name: &'static str, arguments: &[Bytes]) -> (CustomCommand, Vec<Value>) {
    let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
    (command, arguments.iter().cloned().map(Value::Bytes).collect())
}

/// The reply to a custom command, as the server sent it.
pub(super) fn reply_of_frame(frame: Resp3Frame) -> Result<Reply, RedisError> {
    match frame {
        Resp3Frame::BlobString { data, .. }
        | Resp3Frame::SimpleString { data, .. }
        | Resp3Frame::VerbatimString { data, .. } => Ok(Reply::Bytes(data)),
        Resp3Frame::Number { data, .. } => Ok(Reply::Integer(data)),
        Resp3Frame::Null => Ok(Reply::Nil),
        Resp3Frame::Array { data, .. } => {
            data.into_iter().map(reply_of_frame).collect::<Result<_, _>>().map(Reply::List)
        }
        // A list, as in the older protocol.
        Resp3Frame::Map { data, .. } => {
            let parts = data.into_iter().flat_map(|(key, value)| [key, value]);
            parts.map(reply_of_frame).collect::<Result<_, _>>().map(Reply::List)
        }
        Resp3Frame::SimpleError { data, .. } => Err(RedisError::ErrorReply(ErrorReply::parse(&data))),
        Resp3Frame::BlobError { data, .. } => {
            Err(RedisError::ErrorReply(ErrorReply::parse(&String::from_utf8_lossy(&data))))
        }
        _ => Err(RedisError::UnexpectedReply),
    }
}

/// The reply to a command of a pipeline, or to one that fred knows.
pub(super) fn reply_of_value(value: Value) -> Result<Reply, RedisError> {
    match value {
        Value::Bytes(bytes) => Ok(Reply::Bytes(bytes)),
        Value::String(text) => Ok(Reply::Bytes(text.into_inner())),
        Value::Integer(integer) => Ok(Reply::Integer(integer)),
        Value::Null => Ok(Reply::Nil),
        Value::Array(values) => {
            values.into_iter().map(reply_of_value).collect::<Result<_, _>>().map(Reply::List)
        }
        _ => Err(RedisError::UnexpectedReply),
    }
}
