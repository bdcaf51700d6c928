mod forward;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::forward::{Faults, accept};

/// A TCP proxy between clients and a server on loopback, which injects network faults.
///
/// Unless noted otherwise, a fault affects open and new connections. All connections are closed when the proxy is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    connections: Arc<AtomicUsize>,
    faults: watch::Sender<Faults>,
    acceptor: JoinHandle<()>,
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the server to the clients.
    ToClient,
    /// From the clients to the server.
    ToServer,
    /// Both directions.
    Both,
}

impl Proxy {
    /// A proxy for the loopback port `target`, without faults.
    ///
    /// # Panics
    ///
    /// When no port to listen on is available.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port to listen on");
        let port = listener.local_addr().expect("the address of the listener").port();
        let (faults, current) = watch::channel(Faults { target, ..Faults::default() });
        let connections = Arc::<AtomicUsize>::default();
        let acceptor = tokio::spawn(accept(listener, current, connections.clone()));
        Self { port, connections, faults, acceptor }
    }

    /// The loopback port of the proxy.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of connections that clients have opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Stops forwarding in this direction, including the end of connections. Connections stay open, and data is buffered.
    pub fn block(&self, direction: Direction) {
        self.faults.send_modify(|faults| {
            faults.blocks_to_client |= direction != Direction::ToServer;
            faults.blocks_to_server |= direction != Direction::ToClient;
        });
    }

    /// Forwards again, buffered data first.
    pub fn resume(&self) {
        self.faults.send_modify(|faults| {
            faults.blocks_to_client = false;
            faults.blocks_to_server = false;
        });
    }

    /// Stops forwarding on all open connections, for good. They stay open, and new ones work.
    pub fn block_open_connections(&self) {
        self.faults.send_modify(|faults| faults.blockings += 1);
    }

    /// Closes all open connections.
    pub fn disconnect(&self) {
        self.faults.send_modify(|faults| faults.disconnects += 1);
    }

    /// Whether new connections are closed at once. Open ones are not affected.
    pub fn reject_connections(&self, reject: bool) {
        self.faults.send_modify(|faults| faults.rejects_connections = reject);
    }

    /// Forwards new connections to another loopback port. Open ones are not affected.
    pub fn redirect(&self, target: u16) {
        self.faults.send_modify(|faults| faults.target = target);
    }

    /// Delays data by this time, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.faults.send_modify(|faults| faults.delay = delay);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}
