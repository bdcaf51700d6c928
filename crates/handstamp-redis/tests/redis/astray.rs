//! A connection on which every answer belongs to the command before.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use handstamp_redis::RedisError;
use handstamp_store::{Shard, Store, StoreError};
use handstamp_testkit::eventually;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{PATIENCE, cause, config, connected_by, record, until_it_serves};

/// Something that passes for an empty server, until its first connection gets out of step.
struct OutOfStep {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    out_of_step: Arc<AtomicBool>,
}

impl OutOfStep {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let out_of_step = Arc::new(AtomicBool::new(false));
        let (count, flag) = (connections.clone(), out_of_step.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let first = count.fetch_add(1, Ordering::Relaxed) == 0;
                let flag = if first { flag.clone() } else { Arc::default() };
                tokio::spawn(serve(stream, flag));
            }
        });
        Self { address, connections, out_of_step }
    }
}

async fn serve(stream: TcpStream, out_of_step: Arc<AtomicBool>) -> std::io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    let mut before = "+OK\r\n";
    while let Some(line) = lines.next_line().await? {
        let answer = match line.as_str() {
            "HELLO 3" => "%0\r\n",
            "CLIENT" => ":1\r\n",
            "INFO" => "$0\r\n\r\n",
            "PING" => "+PONG\r\n",
            "GET" => "_\r\n",
            "PTTL" => ":-2\r\n",
            "ROLE" => "*1\r\n$6\r\nmaster\r\n",
            _ => continue,
        };
        let sent = if out_of_step.load(Ordering::Relaxed) { before } else { answer };
        before = answer;
        to.write_all(sent.as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_out_of_step_is_replaced() {
    let server = OutOfStep::start().await;
    let (store, _bus) = connected_by(config(&format!("redis://{}", server.address)));
    assert_eq!(store.load(&record().key).await.expect("load"), None);
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    server.out_of_step.store(true, Ordering::Relaxed);
    let error = store.check(Shard::ONLY).await.expect_err("the answer to another command");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(cause(&error), &RedisError::Protocol);
    eventually("a new connection", PATIENCE, async || match server.connections.load(Ordering::Relaxed) {
        2 => Ok(()),
        count => Err(format!("{count} connections so far")),
    })
    .await;
    until_it_serves(&store).await;
}
