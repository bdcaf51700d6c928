use handstamp_store::{Shard, conformance};
use handstamp_testkit::RedisServer;

use crate::harness::connected;

#[tokio::test]
async fn the_store_keeps_its_contract() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    conformance::store(&store, &bus).await;
}

#[tokio::test]
async fn the_bus_keeps_its_contract() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    conformance::bus(&bus, Shard::ONLY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_do_on_several_threads() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    tokio::join!(conformance::store(&store, &bus), conformance::bus(&bus, Shard::ONLY));
}
