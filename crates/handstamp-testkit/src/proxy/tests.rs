use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;
use crate::PATIENCE;

const SHORT: Duration = Duration::from_millis(50);

/// An echo server.
async fn echo() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
    let port = listener.local_addr().expect("address").port();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    (port, server)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.expect("connect")
}

async fn send(stream: &mut TcpStream) {
    stream.write_all(b"x").await.expect("write");
}

async fn receive(stream: &mut TcpStream) {
    timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a byte");
}

async fn receive_nothing(stream: &mut TcpStream) {
    timeout(SHORT, stream.read_u8()).await.expect_err("no byte arrives");
}

async fn receive_the_end(stream: &mut TcpStream) {
    timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect_err("the connection is closed");
}

#[tokio::test]
async fn data_is_buffered_while_blocked() {
    let (port, _server) = echo().await;
    let proxy = Proxy::start(port).await;
    let mut stream = connect(&proxy).await;
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        send(&mut stream).await;
        receive(&mut stream).await;
        proxy.block(direction);
        send(&mut stream).await;
        receive_nothing(&mut stream).await;
        proxy.resume();
        receive(&mut stream).await;
    }
}

#[tokio::test]
async fn connections_are_closed_and_rejected() {
    let (port, _server) = echo().await;
    let proxy = Proxy::start(port).await;
    let mut stream = connect(&proxy).await;
    send(&mut stream).await;
    receive(&mut stream).await;
    proxy.reject_connections(true);
    let mut rejected = connect(&proxy).await;
    receive_the_end(&mut rejected).await;
    assert_eq!(proxy.connections(), 2);
    proxy.disconnect();
    receive_the_end(&mut stream).await;
    proxy.reject_connections(false);
    let mut stream = connect(&proxy).await;
    send(&mut stream).await;
    receive(&mut stream).await;
}

#[tokio::test]
async fn open_connections_are_blocked_and_new_ones_are_not() {
    let (port, _server) = echo().await;
    let proxy = Proxy::start(port).await;
    let mut blocked = connect(&proxy).await;
    send(&mut blocked).await;
    receive(&mut blocked).await;
    proxy.block_open_connections();
    let mut stream = connect(&proxy).await;
    send(&mut stream).await;
    receive(&mut stream).await;
    send(&mut blocked).await;
    receive_nothing(&mut blocked).await;
    proxy.disconnect();
    receive_the_end(&mut blocked).await;
}

#[tokio::test]
async fn new_connections_can_be_redirected() {
    let (port, server) = echo().await;
    let proxy = Proxy::start(port).await;
    let mut first = connect(&proxy).await;
    send(&mut first).await;
    receive(&mut first).await;
    let (other_port, _server) = echo().await;
    proxy.redirect(other_port);
    server.abort();
    for stream in [&mut first, &mut connect(&proxy).await] {
        send(stream).await;
        receive(stream).await;
    }
}

#[tokio::test]
async fn delays_add_up() {
    let (port, _server) = echo().await;
    let proxy = Proxy::start(port).await;
    proxy.delay(SHORT);
    let mut stream = connect(&proxy).await;
    let begin = Instant::now();
    send(&mut stream).await;
    receive(&mut stream).await;
    assert!(begin.elapsed() >= 2 * SHORT, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn connections_end_with_the_proxy() {
    let (port, _server) = echo().await;
    let proxy = Proxy::start(port).await;
    let mut stream = connect(&proxy).await;
    drop(proxy);
    receive_the_end(&mut stream).await;
}
