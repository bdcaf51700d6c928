use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// A stretch of network between clients and a server on loopback, which fails on request.
///
/// Faults concern the connections there are as well as new ones, and are over when it is dropped, as all connections
/// are.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    connections: Arc<AtomicUsize>,
    faults: watch::Sender<Faults>,
    acceptor: JoinHandle<()>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the server to the clients.
    ToClient,
    /// From the clients to the server.
    ToServer,
    /// Both ways.
    Both,
}

impl Proxy {
    /// A way to the loopback port `target` that works so far.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port to listen on");
        let port = listener.local_addr().expect("the address of the listener").port();
        let (faults, seen) = watch::channel(Faults { target, ..Faults::default() });
        let connections = Arc::<AtomicUsize>::default();
        let acceptor = tokio::spawn(accept(listener, seen, connections.clone()));
        Self { port, connections, faults, acceptor }
    }

    /// The loopback port to connect to in place of the server's.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections clients have made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Carries nothing this way any more, ends of connections included. Connections stay open; what is sent is held.
    pub fn silence(&self, direction: Direction) {
        self.faults.send_modify(|faults| {
            faults.silent_to_client |= direction != Direction::ToServer;
            faults.silent_to_server |= direction != Direction::ToClient;
        });
    }

    /// Carries everything again, what was held first.
    pub fn resume(&self) {
        self.faults.send_modify(|faults| {
            faults.silent_to_client = false;
            faults.silent_to_server = false;
        });
    }

    /// Carries nothing any more on the connections that there are, which stay open. New ones work.
    pub fn strand(&self) {
        self.faults.send_modify(|faults| faults.strandings += 1);
    }

    /// Closes all connections that there are.
    pub fn cut(&self) {
        self.faults.send_modify(|faults| faults.cuts += 1);
    }

    /// Closes new connections at once, or no longer does.
    pub fn refuse(&self, refuse: bool) {
        self.faults.send_modify(|faults| faults.refuse = refuse);
    }

    /// Takes new connections to another loopback port. Those that there are stay.
    pub fn redirect(&self, target: u16) {
        self.faults.send_modify(|faults| faults.target = target);
    }

    /// Carries everything this much later, either way.
    pub fn delay(&self, delay: Duration) {
        self.faults.send_modify(|faults| faults.delay = delay);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Where new connections lead.
    target: u16,
    silent_to_client: bool,
    silent_to_server: bool,
    refuse: bool,
    delay: Duration,
    /// How often all connections were closed.
    cuts: u64,
    /// How often all connections were left without another end.
    strandings: u64,
}

/// The connections end with this.
async fn accept(listener: TcpListener, faults: watch::Receiver<Faults>, made: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                made.fetch_add(1, Ordering::Relaxed);
                if !faults.borrow().refuse {
                    connections.spawn(carry(client, faults.clone()));
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(client: TcpStream, mut faults: watch::Receiver<Faults>) -> io::Result<()> {
    let Faults { target, cuts, strandings, .. } = *faults.borrow();
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, faults.clone(), |faults| faults.silent_to_server);
    let back = pump(from_server, to_client, faults.clone(), |faults| faults.silent_to_client);
    let mut stranded = faults.clone();
    // It keeps the connections open when it is not polled any more.
    let mut carried = pin!(async { tokio::try_join!(there, back) });
    tokio::select! {
        carried = &mut carried => return carried.map(|_| ()),
        _ = faults.wait_for(|faults| faults.cuts != cuts) => return Ok(()),
        _ = stranded.wait_for(|faults| faults.strandings != strandings) => {}
    }
    let _ = faults.wait_for(|faults| faults.cuts != cuts).await;
    Ok(())
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Faults>,
    silent: impl Fn(&Faults) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let delay = faults.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        // An error means that the proxy is being dropped.
        let _ = faults.wait_for(|faults| !silent(faults)).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::PATIENCE;

    const SHORT: Duration = Duration::from_millis(50);

    /// A server that sends everything back.
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

    async fn hear(stream: &mut TcpStream) {
        timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a byte");
    }

    async fn hear_nothing(stream: &mut TcpStream) {
        timeout(SHORT, stream.read_u8()).await.expect_err("it is silent");
    }

    async fn hear_the_end(stream: &mut TcpStream) {
        timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect_err("it is closed");
    }

    #[tokio::test]
    async fn silence_holds_what_is_sent() {
        let (port, _server) = echo().await;
        let proxy = Proxy::start(port).await;
        let mut stream = connect(&proxy).await;
        for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
            send(&mut stream).await;
            hear(&mut stream).await;
            proxy.silence(direction);
            send(&mut stream).await;
            hear_nothing(&mut stream).await;
            proxy.resume();
            hear(&mut stream).await;
        }
    }

    #[tokio::test]
    async fn connections_are_cut_and_refused() {
        let (port, _server) = echo().await;
        let proxy = Proxy::start(port).await;
        let mut stream = connect(&proxy).await;
        send(&mut stream).await;
        hear(&mut stream).await;
        proxy.refuse(true);
        let mut refused = connect(&proxy).await;
        hear_the_end(&mut refused).await;
        assert_eq!(proxy.connections(), 2);
        proxy.cut();
        hear_the_end(&mut stream).await;
        proxy.refuse(false);
        let mut stream = connect(&proxy).await;
        send(&mut stream).await;
        hear(&mut stream).await;
    }

    #[tokio::test]
    async fn stranded_connections_are_silent_and_new_ones_are_not() {
        let (port, _server) = echo().await;
        let proxy = Proxy::start(port).await;
        let mut stranded = connect(&proxy).await;
        send(&mut stranded).await;
        hear(&mut stranded).await;
        proxy.strand();
        let mut stream = connect(&proxy).await;
        send(&mut stream).await;
        hear(&mut stream).await;
        send(&mut stranded).await;
        hear_nothing(&mut stranded).await;
        proxy.cut();
        hear_the_end(&mut stranded).await;
    }

    #[tokio::test]
    async fn new_connections_may_lead_elsewhere() {
        let (port, server) = echo().await;
        let proxy = Proxy::start(port).await;
        let mut first = connect(&proxy).await;
        send(&mut first).await;
        hear(&mut first).await;
        let (elsewhere, _server) = echo().await;
        proxy.redirect(elsewhere);
        server.abort();
        for stream in [&mut first, &mut connect(&proxy).await] {
            send(stream).await;
            hear(stream).await;
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
        hear(&mut stream).await;
        assert!(begin.elapsed() >= 2 * SHORT, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn connections_end_with_the_proxy() {
        let (port, _server) = echo().await;
        let proxy = Proxy::start(port).await;
        let mut stream = connect(&proxy).await;
        drop(proxy);
        hear_the_end(&mut stream).await;
    }
}
