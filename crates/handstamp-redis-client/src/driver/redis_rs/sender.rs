use std::pin::Pin;
use std::slice::from_ref;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, ServerError, Value};

use super::convert;
use super::gather::InFlight;
use crate::command::Operation;
use crate::driver::end::End;
use crate::{Command, RedisError, Reply};

pub(in crate::driver) struct Sender {
    connection: MultiplexedConnection,
    end: End,
    in_flight: InFlight,
}

impl Sender {
    pub(super) const fn new(connection: MultiplexedConnection, end: End, in_flight: InFlight) -> Self {
        Self { connection, end, in_flight }
    }

    pub(in crate::driver) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        match &command.operation {
            Operation::GetWithTtl(key) => {
                let [get, time_to_live] = [GET, PTTL].map(|name| convert::command(name, from_ref(key)));
                let mut pipeline = Pipeline::with_capacity(2);
                pipeline.add_command(get).add_command(time_to_live);
                convert::list(self.exchange(&pipeline).await?)
            }
            Operation::Custom(name, arguments) => {
                let command = convert::command(name, arguments);
                let mut connection = self.connection.clone();
                let replied = self.unless_lost(Box::pin(connection.send_packed_command(&command)));
                convert::reply(replied.await?)
            }
        }
    }

    pub(in crate::driver) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        let mut pipeline = Pipeline::with_capacity(4);
        let mut add = |name: &str, arguments: &[Bytes]| {
            pipeline.add_command(convert::command("ASKING", &[]));
            pipeline.add_command(convert::command(name, arguments));
        };
        match &command.operation {
            Operation::GetWithTtl(key) => {
                add(GET, from_ref(key));
                add(PTTL, from_ref(key));
                let replies = self.exchange(&pipeline).await?;
                convert::list(replies.into_iter().skip(1).step_by(2))
            }
            Operation::Custom(name, arguments) => {
                add(name, arguments);
                let mut replies = self.exchange(&pipeline).await?;
                replies.pop().map_or(Err(RedisError::UnexpectedReply), convert::reply)
            }
        }
    }

    /// redis-rs waits for the confirmations, or for the error in their place.
    pub(in crate::driver) async fn subscribe(&self, channels: &[&str]) -> Result<(), RedisError> {
        let subscribed = self.connection.clone().subscribe(channels).await;
        let Err(error) = subscribed else { return Ok(()) };
        match ServerError::try_from(error) {
            Ok(reply) => Err(RedisError::ErrorReply(convert::error_reply(&reply))),
            Err(_) => Err(self.end.cause().await),
        }
    }

    pub(in crate::driver) async fn quit(&self) {
        // An error means that it has ended already.
        let _ = self.call(&Command::probe("QUIT")).await;
    }

    pub(in crate::driver) const fn end(&self) -> &End {
        &self.end
    }

    /// The replies to commands that are sent without any other in between. There are as many as commands.
    async fn exchange(&self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let mut connection = self.connection.clone();
        self.unless_lost(Box::pin(connection.send_packed_commands(pipeline, 0, pipeline.len()))).await
    }

    /// The outcome of `exchange`. Error replies are values here, so an error means that the connection ends. The box keeps a
    /// kilobyte out of the futures of every layer above.
    async fn unless_lost<T>(
        &self,
        exchange: Pin<Box<impl Future<Output = RedisResult<T>>>>,
    ) -> Result<T, RedisError> {
        let _waiting = self.in_flight.begin();
        match exchange.await {
            Ok(replied) => Ok(replied),
            Err(_) => Err(self.end.cause().await),
        }
    }
}

const GET: &str = "GET";
const PTTL: &str = "PTTL";
