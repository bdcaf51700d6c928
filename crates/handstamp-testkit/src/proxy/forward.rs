use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// The port of the server for new connections.
    pub(super) target: u16,
    pub(super) blocks_to_client: bool,
    pub(super) blocks_to_server: bool,
    pub(super) rejects_connections: bool,
    pub(super) delay: Duration,
    /// The number of calls of [`disconnect`](super::Proxy::disconnect).
    pub(super) disconnects: u64,
    /// The number of calls of [`block_open_connections`](super::Proxy::block_open_connections).
    pub(super) blockings: u64,
}

/// Accepts and forwards connections, which are closed when this future is dropped.
pub(super) async fn accept(
    listener: TcpListener,
    faults: watch::Receiver<Faults>,
    accepted_connections: Arc<AtomicUsize>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                accepted_connections.fetch_add(1, Ordering::Relaxed);
                if !faults.borrow().rejects_connections {
                    connections.spawn(forward(client, faults.clone()));
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn forward(client: TcpStream, mut faults: watch::Receiver<Faults>) -> io::Result<()> {
    let Faults { target, disconnects, blockings, .. } = *faults.borrow();
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_server = pump(from_client, to_server, faults.clone(), |faults| faults.blocks_to_server);
    let to_client = pump(from_server, to_client, faults.clone(), |faults| faults.blocks_to_client);
    let mut blocked = faults.clone();
    // Not polled when blocked, but not dropped either, so that the connections stay open.
    let mut transfers = pin!(async { tokio::try_join!(to_server, to_client) });
    tokio::select! {
        ended = &mut transfers => return ended.map(|_| ()),
        _ = faults.wait_for(|faults| faults.disconnects != disconnects) => return Ok(()),
        _ = blocked.wait_for(|faults| faults.blockings != blockings) => {}
    }
    let _ = faults.wait_for(|faults| faults.disconnects != disconnects).await;
    Ok(())
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Faults>,
    is_blocked: impl Fn(&Faults) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let delay = faults.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        // An error means that the proxy is being dropped.
        let _ = faults.wait_for(|faults| !is_blocked(faults)).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
