use std::collections::BTreeSet;

use bytes::Bytes;
use handstamp_redis_client::{Command, Event, Fence, RedisError, Reply, ShardId};
use handstamp_testkit::RedisCluster;

use crate::harness::{client, config, get, set};

#[tokio::test]
async fn every_key_is_sent_to_its_primary() {
    let cluster = RedisCluster::start().await;
    let client = client(config(&cluster.url())).await;
    let mut shards = BTreeSet::new();
    for number in 0..100 {
        let key = Bytes::from(format!("key:{number}"));
        set(&client, &key, "value").await;
        assert_eq!(get(&client, &key).await, Reply::Bytes("value".into()));
        shards.insert(client.shard_of(|| key.clone()));
    }
    assert_eq!(shards, client.shards());
    assert_eq!(shards.len(), cluster.primaries().len());
    assert!(client.config().url.is_cluster() && !client.is_undeclared_cluster());
    let unknown = client.ping(ShardId::new(9_999)).await;
    assert!(matches!(unknown, Err(RedisError::Connection(_))), "{unknown:?}");
}

#[tokio::test]
async fn every_primary_has_its_own_subscription() {
    let cluster = RedisCluster::start().await;
    let client = client(config(&cluster.url())).await;
    for shard in client.shards() {
        let mut subscription = client.subscribe(shard, "channel").await.expect("subscribe");
        assert_eq!(subscription.fence().await, Ok(Fence::Complete));
        let publish = Command::publish("channel", "message");
        client.call_shard(shard, &publish).await.expect("publish");
        assert_eq!(subscription.fence().await, Ok(Fence::Complete));
        assert_eq!(subscription.try_next(), Some(Ok(Event::Message("message".into()))));
    }
}

#[tokio::test]
async fn one_node_of_a_cluster_is_recognized() {
    let cluster = RedisCluster::start().await;
    let node = cluster.node(cluster.primaries()[0]);
    let client = client(config(&node.url())).await;
    assert!(client.is_undeclared_cluster());
}
