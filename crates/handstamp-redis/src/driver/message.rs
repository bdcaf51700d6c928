use bytes::Bytes;
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};

use crate::{RedisError, Refusal};

/// A command and its arguments.
#[derive(Clone)]
pub(crate) struct Request {
    command: &'static str,
    arguments: Vec<Bytes>,
}

impl Request {
    pub(crate) const fn new(command: &'static str) -> Self {
        Self { command, arguments: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<Bytes>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(super) fn into_command(self) -> (CustomCommand, Vec<Value>) {
        let command = CustomCommand::new_static(self.command, ClusterHash::FirstKey, false);
        (command, self.arguments.into_iter().map(Value::Bytes).collect())
    }
}

/// What the server answers.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Bytes(Bytes),
    Integer(i64),
    List(Vec<Self>),
    Nil,
}

impl Reply {
    pub(super) fn read(frame: Resp3Frame) -> Result<Self, RedisError> {
        match frame {
            Resp3Frame::BlobString { data, .. } | Resp3Frame::SimpleString { data, .. } => {
                Ok(Self::Bytes(data))
            }
            Resp3Frame::Number { data, .. } => Ok(Self::Integer(data)),
            Resp3Frame::Null => Ok(Self::Nil),
            Resp3Frame::Array { data, .. } => {
                data.into_iter().map(Self::read).collect::<Result<_, _>>().map(Self::List)
            }
            Resp3Frame::SimpleError { data, .. } => Err(RedisError::Refused(Refusal::read(&data))),
            Resp3Frame::BlobError { data, .. } => {
                Err(RedisError::Refused(Refusal::read(&String::from_utf8_lossy(&data))))
            }
            _ => Err(RedisError::Protocol),
        }
    }
}
