use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::gather::{InFlight, MAX_BYTES};
use super::messages::{MessageSink, Messages};
use super::stream::Stream;
use super::{Sender, log_in};
use crate::driver::end::{End, Lifeline};
use crate::driver::{Protocol, Target, io_errors};
use crate::url::{Address, Host};
use crate::{RedisError, Tls};

/// Connects.
pub(in crate::driver) async fn connect(target: &Target) -> Result<(Sender, Lifeline), RedisError> {
    connect_with(target, target.protocol, None).await
}

/// Connects for a subscription.
pub(in crate::driver) async fn connect_listener(
    target: &Target,
) -> Result<(Sender, Lifeline, Messages), RedisError> {
    let (sink, messages) = Messages::new();
    // redis-rs distinguishes messages from replies by their type, which the older protocol lacks.
    let (sender, lifeline) = connect_with(target, Protocol::Resp3, Some(sink)).await?;
    Ok((sender, lifeline, messages))
}

async fn connect_with(
    target: &Target,
    protocol: Protocol,
    sink: Option<MessageSink>,
) -> Result<(Sender, Lifeline), RedisError> {
    let (sender, lifeline) = match (&target.address, &target.tls) {
        (Address::Unix(path), _) => {
            let stream = UnixStream::connect(path).await.map_err(|error| io_errors::cause(&error))?;
            over(stream, target, protocol, sink).await?
        }
        (Address::Tcp(host), None) => {
            let stream = tcp(host).await?;
            over(stream, target, protocol, sink).await?
        }
        (Address::Tcp(host), Some(tls)) => {
            let stream = encrypted(host, tls).await?;
            over(stream, target, protocol, sink).await?
        }
    };
    log_in::finish(&sender, target, protocol).await?;
    Ok((sender, lifeline))
}

async fn tcp(host: &Host) -> Result<TcpStream, RedisError> {
    let connected = async {
        let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    connected.await.map_err(|error| io_errors::cause(&error))
}

async fn encrypted(host: &Host, tls: &Tls) -> Result<TlsStream<TcpStream>, RedisError> {
    let config = tls.config().ok_or_else(io_errors::no_trusted_authority)?;
    let name = ServerName::try_from(host.name.clone()).map_err(|_| io_errors::invalid_host_name())?;
    let connector = TlsConnector::from(config.clone());
    connector.connect(name, tcp(host).await?).await.map_err(|error| io_errors::cause(&error))
}

/// Makes a connection of a stream, and drives it.
async fn over<S>(
    stream: S,
    target: &Target,
    protocol: Protocol,
    sink: Option<MessageSink>,
) -> Result<(Sender, Lifeline), RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let in_flight = InFlight::default();
    let (stream, cause) = Stream::new(stream, in_flight.clone());
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None)
        .set_write_backpressure_boundary(MAX_BYTES)
        .set_pipeline_buffer_size(QUEUE);
    let config = match sink {
        Some(sink) => config.set_push_sender(move |push| sink.put(push)),
        None => config,
    };
    let opened = MultiplexedConnection::new_with_config(&handshake(target, protocol), stream, config).await;
    let (connection, driver) = opened.map_err(|error| log_in::failure(error, &cause))?;
    let (end, lifeline) = End::of(async move {
        driver.await;
        cause.get()
    });
    Ok((Sender::new(connection, end, in_flight), lifeline))
}

/// What redis-rs sends by itself: `HELLO` with user and password, or nothing with the older protocol.
fn handshake(target: &Target, protocol: Protocol) -> RedisConnectionInfo {
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    match (protocol, &target.login) {
        (Protocol::Resp2, _) => info.set_protocol(ProtocolVersion::RESP2),
        (Protocol::Resp3, None) => info.set_protocol(ProtocolVersion::RESP3),
        (Protocol::Resp3, Some(login)) => {
            let info = info.set_protocol(ProtocolVersion::RESP3).set_password(login.password.as_str());
            match &login.user {
                Some(user) => info.set_username(user),
                None => info,
            }
        }
    }
}

/// How many commands may wait to be written. Further ones wait for a place, in the same order.
const QUEUE: usize = 1_024;
