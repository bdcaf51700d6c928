use bytes::Bytes;
use handstamp_redis_client::{Command, Event, Fence, RedisError, ShardId};
use handstamp_testkit::RedisServer;
use tokio::time::timeout;

use crate::harness::{PATIENCE, client, config, get, set};

#[tokio::test]
async fn a_fence_covers_all_messages_before_it() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let mut subscription = client.subscribe(ShardId::ONLY, "channel").await.expect("subscribe");
    for number in 0..100 {
        let publish = Command::publish("channel", number.to_string());
        client.call_shard(ShardId::ONLY, &publish).await.expect("publish");
    }
    assert_eq!(subscription.fence().await, Ok(Fence::Complete));
    for number in 0..100 {
        assert_eq!(subscription.try_next(), Some(Ok(Event::Message(number.to_string().into()))));
    }
    assert_eq!(subscription.try_next(), None);
}

#[tokio::test]
async fn with_tracking_keys_that_were_read_are_reported_when_they_change() {
    let server = RedisServer::start().await;
    let reader = client(config(&server.url()).with_tracking(true)).await;
    let writer = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    let mut subscription = reader.subscribe(ShardId::ONLY, "channel").await.expect("subscribe");
    set(&writer, &key, "unread").await;
    get(&reader, &key).await;
    set(&writer, &key, "read").await;
    let event = timeout(PATIENCE, subscription.next()).await.expect("an event");
    assert_eq!(event, Ok(Event::KeyChanged(key)));
    assert_eq!(subscription.fence().await, Ok(Fence::Complete));
    assert_eq!(subscription.try_next(), None);
}

#[tokio::test]
async fn a_subscription_ends_with_its_server() {
    let mut server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let mut subscription = client.subscribe(ShardId::ONLY, "channel").await.expect("subscribe");
    server.kill();
    timeout(PATIENCE, subscription.next()).await.expect("an end").expect_err("the server is gone");
    assert!(subscription.fence().await.is_err());
    server.restart().await;
    drop(crate::harness::client(config(&server.url())).await);
    let next = timeout(PATIENCE, subscription.next()).await.expect("an end");
    assert!(
        matches!(next, Err(RedisError::DifferentServer | RedisError::Connection(_) | RedisError::Closed)),
        "{next:?}"
    );
}
