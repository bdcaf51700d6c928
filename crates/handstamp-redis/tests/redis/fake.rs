//! A fake server, for replies that a real one sends only in trouble.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_testkit::eventually;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::PATIENCE;

pub(crate) struct FakeServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// The replies on one connection, to one word of a command after the other: most are no command, and have none.
pub(crate) type Replies = Box<dyn FnMut(&str) -> Option<&'static str> + Send>;

impl FakeServer {
    /// A server that replies on each connection, which are numbered from zero, what this says.
    pub(crate) async fn start(mut replies: impl FnMut(usize) -> Replies + Send + 'static) -> Self {
        let (server, listener) = Self::listen().await;
        let connections = server.connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, replies(connections.fetch_add(1, Ordering::Relaxed))));
            }
        });
        server
    }

    /// A server that says this on each connection, and ends it.
    pub(crate) async fn rejecting(error: &'static str) -> Self {
        let (server, listener) = Self::listen().await;
        let connections = server.connections.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    stream.write_all(error.as_bytes()).await?;
                    stream.shutdown().await?;
                    // Closing a socket with unread data resets the connection, and the reset may overtake the error.
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
                });
            }
        });
        server
    }

    async fn listen() -> (Self, TcpListener) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
        let address = listener.local_addr().expect("an address");
        (Self { address, connections: Arc::default() }, listener)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) async fn until_connections_are(&self, count: usize) {
        eventually("connections are made", PATIENCE, async || match self.connections() {
            made if made >= count => Ok(()),
            made => Err(format!("{made} so far")),
        })
        .await;
    }
}

/// What an empty server replies that has just been started.
pub(crate) fn empty(word: &str) -> Option<&'static str> {
    match word {
        "HELLO" | "HELLO 3" => Some("%0\r\n"),
        "CLIENT" => Some(":1\r\n"),
        "INFO" => Some("$0\r\n\r\n"),
        "PING" => Some("+PONG\r\n"),
        "GET" => Some("_\r\n"),
        "PTTL" => Some(":-2\r\n"),
        "ROLE" => Some("*1\r\n$6\r\nmaster\r\n"),
        _ => None,
    }
}

async fn serve(stream: TcpStream, mut replies: Replies) -> std::io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(reply) = replies(&line) {
            to.write_all(reply.as_bytes()).await?;
        }
    }
    Ok(())
}
