use bytes::Bytes;
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};

use crate::{RedisError, Refusal};

/// What a server is asked.
#[derive(Clone)]
pub(crate) enum Request {
    /// The value of a key, or nil, and its time to live in milliseconds.
    ///
    /// This is what Redis is asked for most. After a custom command the client library flushes its socket; as this goes
    /// out as two that are none, those of many callers leave together.
    Load(Bytes),
    /// Any other command, with its arguments.
    Command(&'static str, Vec<Bytes>),
}

impl Request {
    pub(crate) const fn new(command: &'static str) -> Self {
        Self::Command(command, Vec::new())
    }

    /// With a further argument. A load has none.
    pub(crate) fn arg(mut self, argument: impl Into<Bytes>) -> Self {
        if let Self::Command(_, arguments) = &mut self {
            arguments.push(argument.into());
        }
        self
    }
}

pub(super) fn custom(command: &'static str, arguments: Vec<Bytes>) -> (CustomCommand, Vec<Value>) {
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    (command, arguments.into_iter().map(Value::Bytes).collect())
}

/// What the server answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Bytes(Bytes),
    Integer(i64),
    List(Vec<Self>),
    Nil,
}

impl Reply {
    pub(crate) const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub(super) fn read(frame: Resp3Frame) -> Result<Self, RedisError> {
        match frame {
            Resp3Frame::BlobString { data, .. }
            | Resp3Frame::SimpleString { data, .. }
            | Resp3Frame::VerbatimString { data, .. } => Ok(Self::Bytes(data)),
            Resp3Frame::Number { data, .. } => Ok(Self::Integer(data)),
            Resp3Frame::Null => Ok(Self::Nil),
            Resp3Frame::Array { data, .. } => {
                data.into_iter().map(Self::read).collect::<Result<_, _>>().map(Self::List)
            }
            // As the list that it is in older protocols.
            Resp3Frame::Map { data, .. } => {
                let parts = data.into_iter().flat_map(|(key, value)| [key, value]);
                parts.map(Self::read).collect::<Result<_, _>>().map(Self::List)
            }
            Resp3Frame::SimpleError { data, .. } => Err(RedisError::Refused(Refusal::read(&data))),
            Resp3Frame::BlobError { data, .. } => {
                Err(RedisError::Refused(Refusal::read(&String::from_utf8_lossy(&data))))
            }
            _ => Err(RedisError::Protocol),
        }
    }

    /// From a command of a pipeline.
    pub(super) fn of_value(value: Value) -> Result<Self, RedisError> {
        match value {
            Value::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            Value::String(text) => Ok(Self::Bytes(text.into_inner())),
            Value::Integer(integer) => Ok(Self::Integer(integer)),
            Value::Null => Ok(Self::Nil),
            Value::Array(values) => {
                values.into_iter().map(Self::of_value).collect::<Result<_, _>>().map(Self::List)
            }
            _ => Err(RedisError::Protocol),
        }
    }
}
