use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{join_all, select};
use handstamp_redis_client::{Command, Reply};
use handstamp_testkit::RedisServer;

use crate::harness::{client, config, set};

/// Some fail, and some are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_a_batch_do_not_disturb_each_other() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    set(&client, &key, "value").await;
    for _ in 0..20 {
        let tasks = (0..300).map(|number: u32| {
            let (client, key) = (client.clone(), key.clone());
            tokio::spawn(async move {
                let text = Bytes::from(number.to_string());
                let echo = Command::read("ECHO").arg(text.clone());
                match number % 3 {
                    0 => assert_eq!(client.call(&key, &echo).await, Ok(Reply::Bytes(text))),
                    1 => {
                        let error = client.call(&key, &Command::read("LLEN").arg(key.clone())).await;
                        assert_eq!(
                            error.expect_err("no list").error_reply().expect("a reply").code(),
                            "WRONGTYPE"
                        );
                    }
                    _ => drop(client.call(&key, &echo).now_or_never()),
                }
            })
        });
        join_all(tasks).await.into_iter().for_each(|done| done.expect("no panic"));
    }
}

#[tokio::test]
async fn a_reply_does_not_wait_for_the_rest_of_its_batch() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    let (echo, wait) = (Command::read("ECHO").arg("early"), Command::read("BLPOP").arg("list").arg("0"));
    let both = select(Box::pin(client.call(&key, &echo)), Box::pin(client.call(&key, &wait)));
    assert_eq!(both.await.factor_first().0, Ok(Reply::Bytes("early".into())));
}
