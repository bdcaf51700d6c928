//! A connection on which every reply belongs to the command before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handstamp_redis::RedisError;
use handstamp_store::{Records, Shard, StoreError, Topology};

use crate::fake::{FakeServer, empty};
use crate::harness::{cause, config, connected_by, record, until_it_serves};

#[tokio::test]
async fn a_connection_that_is_out_of_step_is_replaced() {
    let out_of_step = Arc::new(AtomicBool::new(false));
    let flag = out_of_step.clone();
    let server = FakeServer::start(move |connection| {
        // The first one only.
        let flag = if connection == 0 { flag.clone() } else { Arc::default() };
        let mut before = "+OK\r\n";
        Box::new(move |word| {
            let reply = empty(word)?;
            let before = std::mem::replace(&mut before, reply);
            Some(if flag.load(Ordering::Relaxed) { before } else { reply })
        })
    })
    .await;
    let (store, _bus) = connected_by(config(&server.url()));
    assert_eq!(store.load(record().key()).await.expect("load"), None);
    assert_eq!(server.connections(), 1);
    out_of_step.store(true, Ordering::Relaxed);
    let error = store.ping_primary(Shard::ONLY).await.expect_err("the reply to another command");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(cause(&error), &RedisError::UnexpectedReply);
    server.until_connections_are(2).await;
    until_it_serves(&store).await;
}
