use std::time::Duration;

use handstamp_redis::fred::clients::Client;
use handstamp_redis::fred::interfaces::{ClientLike, KeysInterface};
use handstamp_redis::fred::types::config::{Config, ReconnectPolicy};
use handstamp_redis::{RedisConfig, UnfitClient, connect_over};
use handstamp_store::{Bus, Records, Shard, Subscription, Topology, conformance};
use handstamp_testkit::{RedisSentinel, RedisServer, eventually};

use crate::harness::{
    PATIENCE, at_once, channel, config, created, hasty, namespace, until_heard, until_it_serves,
};

/// A client as an application has one.
async fn client(url: &str) -> Client {
    let config = Config::from_url(url).expect("a URL");
    let policy = ReconnectPolicy::new_constant(0, 50);
    let client = Client::new(config, None, None, Some(policy));
    client.init().await.expect("a connection");
    client
}

#[tokio::test]
async fn a_client_that_is_there_already_is_as_good() {
    let server = RedisServer::start().await;
    let client = client(&server.url()).await;
    let (store, bus) =
        connect_over(&client, config(&server.url()), namespace(), channel()).expect("no cluster");
    until_it_serves(&store).await;
    conformance::store(&store, &bus).await;
    conformance::bus(&bus, Shard::ONLY).await;
    drop(bus);
    let checks = server.clients_named("handstamp:write-checks").len();
    assert_eq!((server.clients("normal"), checks), (2, 1), "the application's connection and that of checks");
    store.close().await;
    assert!(store.ping_primary(Shard::ONLY).await.is_err());
    client.set::<(), _, _>("theirs", "value", None, None, false).await.expect("it is still theirs");
}

/// K6.2: it leads to the same run of the server again.
#[tokio::test]
async fn when_it_loses_its_connection_subscriptions_stay_and_all_goes_on() {
    let server = RedisServer::start().await;
    let client = client(&server.url()).await;
    let (store, bus) =
        connect_over(&client, config(&server.url()), namespace(), channel()).expect("no cluster");
    until_it_serves(&store).await;
    let record = created(&store).await;
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    server.kill_clients("normal");
    eventually("it is back", PATIENCE, async || store.load(record.key()).await).await.expect("the record");
    bus.publish(Shard::ONLY, "after".into()).await.expect("publish");
    until_heard(&mut subscription, b"after").await;
    subscription.fence().await.expect("fence");
}

#[tokio::test]
async fn it_may_stand_still_and_go_on() {
    let server = RedisServer::start().await;
    let client = client(&server.url()).await;
    let quick = RedisConfig { load_timeout: Duration::from_millis(50), ..hasty(&server.url()) };
    let (store, _bus) = connect_over(&client, quick, namespace(), channel()).expect("no cluster");
    until_it_serves(&store).await;
    let record = created(&store).await;
    server.pause();
    for _ in 0..10 {
        at_once(store.load(record.key())).await.expect_err("nobody answers");
    }
    server.resume();
    eventually("it is back", PATIENCE, async || store.load(record.key()).await).await;
}

#[tokio::test]
async fn behind_sentinels_subscriptions_go_where_the_client_goes() {
    let sentinel = RedisSentinel::start().await;
    let url = sentinel.url();
    let client = client(&url).await;
    let (store, bus) = connect_over(&client, config(&url), namespace(), channel()).expect("no cluster");
    until_it_serves(&store).await;
    conformance::invalidations(&store, &bus).await;
}

#[tokio::test]
async fn clients_for_clusters_are_refused() {
    let clustered =
        Client::new(Config::from_url("redis-cluster://localhost").expect("a URL"), None, None, None);
    let plain = Client::new(Config::from_url("redis://localhost").expect("a URL"), None, None, None);
    let [one, cluster] = ["redis://localhost", "redis-cluster://localhost"].map(config);
    for (client, config) in [(&clustered, one.clone()), (&plain, cluster)] {
        let refused = connect_over(client, config, namespace(), channel());
        assert_eq!(refused.expect_err("a cluster"), UnfitClient::Clustered);
    }
}
