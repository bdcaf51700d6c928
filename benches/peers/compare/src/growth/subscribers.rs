use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use subjects::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::cpu::pin;

/// Subscribers of a channel, on a thread of their own. They read, and do nothing with what they have read.
pub(super) struct Subscribers {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    count: usize,
    bytes: Arc<AtomicU64>,
    lost: Arc<AtomicBool>,
}

impl Subscribers {
    /// `subscribe` is the command: `SUBSCRIBE`, or `SSUBSCRIBE`.
    pub(super) async fn start(
        port: u16,
        subscribe: &'static str,
        channel: &str,
        count: usize,
    ) -> Result<Self, Error> {
        let (end, ended) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel();
        let channel = channel.to_owned();
        let (bytes, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, has_lost) = (bytes.clone(), lost.clone());
        let thread = thread::spawn(move || {
            let runtime = pin(0).and_then(|()| Ok(Builder::new_current_thread().enable_all().build()?));
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                for _ in 0..count {
                    let Ok(stream) = connect(port, subscribe, &channel).await else { return };
                    tokio::spawn(read(stream, counter.clone(), has_lost.clone()));
                }
                let _ = ready.send(());
                let _ = ended.await;
            });
        });
        is_ready.await.map_err(|_| "a subscriber could not connect")?;
        Ok(Self { end: Some(end), thread: Some(thread), count, bytes, lost })
    }

    /// An error if nothing has arrived, or if the server has closed a connection because its subscriber was too slow.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.lost.load(Ordering::Relaxed) {
            return Err("a subscriber was disconnected".into());
        }
        if self.count > 0 && self.bytes.load(Ordering::Relaxed) == 0 {
            return Err("subscribers have received nothing".into());
        }
        Ok(())
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn connect(port: u16, subscribe: &str, channel: &str) -> Result<TcpStream, Error> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{subscribe} {channel}\r\n").as_bytes()).await?;
    // The confirmation is a single packet.
    let read = stream.read(&mut [0; 256]).await?;
    if read == 0 { Err("the server has closed the connection".into()) } else { Ok(stream) }
}

async fn read(mut stream: TcpStream, bytes: Arc<AtomicU64>, lost: Arc<AtomicBool>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
    lost.store(true, Ordering::Relaxed);
}
