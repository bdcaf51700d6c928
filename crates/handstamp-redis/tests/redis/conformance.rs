use handstamp_redis::{Client, Command, RedisBus, RedisStore, Reply, connect_with};
use handstamp_store::{Topology, conformance};
use handstamp_testkit::{RedisCluster, RedisSentinel, RedisServer};

use crate::harness::{channel, config, connected_by, namespace, until_it_serves};

/// The contracts of both, for every shard.
async fn both_keep_their_contracts(store: &RedisStore, bus: &RedisBus) {
    until_it_serves(store).await;
    conformance::store(store, bus).await;
    conformance::scan(store).await;
    for shard in store.shards().current() {
        conformance::bus(bus, shard).await;
    }
}

#[tokio::test]
async fn on_one_server() {
    let server = RedisServer::start().await;
    let (store, bus) = connected_by(config(&server.url()));
    both_keep_their_contracts(&store, &bus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads() {
    let server = RedisServer::start().await;
    let (store, bus) = connected_by(config(&server.url()));
    tokio::join!(both_keep_their_contracts(&store, &bus), both_keep_their_contracts(&store, &bus));
}

#[tokio::test]
async fn with_a_client_that_the_application_uses_too() {
    let server = RedisServer::start().await;
    let client = Client::start(config(&server.url()));
    let (store, bus) = connect_with(client.clone(), namespace(), channel());
    both_keep_their_contracts(&store, &bus).await;
    let key = "greeting".into();
    let set = Command::write("SET").arg("greeting").arg("hello");
    assert_eq!(client.call(&key, &set).await, Ok(Reply::Bytes("OK".into())));
    store.close().await;
    client.call(&key, &set).await.expect_err("the store has closed it");
}

#[tokio::test]
async fn with_sentinels() {
    let sentinel = RedisSentinel::start().await;
    let (store, bus) = connected_by(config(&sentinel.url()));
    both_keep_their_contracts(&store, &bus).await;
}

#[tokio::test]
async fn in_a_cluster() {
    let cluster = RedisCluster::start().await;
    let (store, bus) = connected_by(config(&cluster.url()));
    both_keep_their_contracts(&store, &bus).await;
    assert_eq!(store.shards().current().len(), 3);
}
