use handstamp_store::{Bus, Shard, Store, Subscription};
use handstamp_testkit::{RedisSentinel, RedisServer, eventually};

use crate::harness::{MINUTE, PATIENCE, config, connected_by, created, name, until_it_serves};

/// The old primary is well, and nothing but the Sentinels' word says that another is to be asked.
#[tokio::test]
async fn the_sentinels_have_the_last_word() {
    let sentinel = RedisSentinel::start().await;
    let (store, bus) = connected_by(config(&sentinel.url()));
    until_it_serves(&store).await;
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let other = RedisServer::start().await;
    for sentinel in sentinel.sentinels() {
        sentinel.command(&["SENTINEL", "REMOVE", "mymaster"]);
        sentinel.command(&["SENTINEL", "MONITOR", "mymaster", "127.0.0.1", &other.port().to_string(), "2"]);
    }
    eventually("sessions go to the other server", PATIENCE, async || {
        let record = created(&store).await;
        if other.keys().contains(&name(&record.key)) { Ok(()) } else { Err("not yet") }
    })
    .await;
    while subscription.next().await.is_ok() {}
    bus.subscribe(Shard::ONLY).await.expect("subscribe").fence().await.expect("fence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_successor_of_a_dead_primary_has_its_sessions() {
    let mut sentinel = RedisSentinel::start().await;
    let (store, _bus) = connected_by(config(&sentinel.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    let old = sentinel.primary();
    eventually("the replicas have it", PATIENCE, async || {
        let has = |server: &RedisServer| server.keys().contains(&name(&record.key));
        if sentinel.servers().iter().all(has) { Ok(()) } else { Err("not yet") }
    })
    .await;
    sentinel.kill(old);
    eventually("another has taken over", MINUTE, async || store.load(&record.key).await).await;
    assert_ne!(sentinel.until_promoted(old).await, old);
    assert!(store.load(&record.key).await.expect("load").is_some());
}
