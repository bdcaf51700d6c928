//! Servers that reject nearly everything for a while.

use std::thread::JoinHandle;

use handstamp_core::record::Entry;
use handstamp_redis::RedisStore;
use handstamp_store::{Bus, FenceOutcome, Records, Shard, StoreError, Subscription, Topology};
use handstamp_testkit::redis::{Client, cmd};
use handstamp_testkit::{RedisCluster, RedisServer, ServerOptions, eventually};
use tempfile::TempDir;

use crate::harness::{
    PATIENCE, config, connected, connected_by, created, name, until_it_serves, until_received,
};

/// A server that [`lose_disk`] works on.
pub(crate) async fn with_a_disk_to_lose() -> RedisServer {
    // Redis protects the directory from `CONFIG SET`.
    let args = ["--enable-protected-configs", "yes"].map(str::to_owned).to_vec();
    RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await
}

/// From then on a server rejects writes and `PING` (`MISCONF`).
pub(crate) async fn lose_disk(server: &RedisServer) {
    let set = |name: &str, value: &str| server.command(&["CONFIG", "SET", name, value]);
    let gone = TempDir::new().expect("a directory");
    set("save", "3600 1");
    set("dir", gone.path().to_str().expect("a path"));
    gone.close().expect("it goes away");
    server.command(&["BGSAVE"]);
    eventually("a snapshot fails", PATIENCE, async || match server.try_command(&["PING"]) {
        Err(error) if error.code() == Some("MISCONF") => Ok(()),
        other => Err(other),
    })
    .await;
}

/// Has a server run a script until [`end_script`], and reject nearly everything meanwhile (`BUSY`).
pub(crate) async fn busy(server: &RedisServer, store: &RedisStore, record: &Entry) -> JoinHandle<()> {
    server.command(&["CONFIG", "SET", "lua-time-limit", "1"]);
    let client = Client::open(server.url()).expect("a URL");
    let script = std::thread::spawn(move || {
        let mut connection = client.get_connection().expect("a connection");
        let endless = cmd("EVAL").arg("while true do end").arg("0").to_owned();
        endless.exec(&mut connection).expect_err("it is killed");
    });
    eventually("the server is busy", PATIENCE, async || match store.load(record.key()).await {
        Err(StoreError::Rejected(cause)) if cause.to_string().contains("BUSY") => Ok(()),
        other => Err(other),
    })
    .await;
    script
}

pub(crate) async fn end_script(server: &RedisServer, script: JoinHandle<()>) {
    server.command(&["SCRIPT", "KILL"]);
    tokio::task::spawn_blocking(|| script.join()).await.expect("no panic").expect("it ends");
}

/// K6.2: a server that cannot write to its disk rejects `PING`, too, and serves reads.
#[tokio::test]
async fn k6_2_a_server_that_cannot_write_to_its_disk_is_listened_to() {
    let server = with_a_disk_to_lose().await;
    let (store, bus) = connected(&server);
    let record = created(&store).await;
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    lose_disk(&server).await;
    let (late, late_bus) = connected(&server);
    late.load(record.key()).await.expect("load").expect("the record");
    let mut late_subscription = late_bus.subscribe(Shard::ONLY).await.expect("subscribe");
    for _ in 0..3 {
        assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
        assert_eq!(late_subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    }
    late_bus.publish(Shard::ONLY, "message".into()).await.expect("publish");
    until_received(&mut late_subscription, b"message").await;
    store.ping_primary(Shard::ONLY).await.expect("it is there");
    store.check_writes(Shard::ONLY).await.expect_err("it accepts no writes");
}

/// K6.2: an error reply arrives behind the messages that were sent before it.
#[tokio::test]
async fn k6_2_a_script_ends_no_subscription() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    let record = created(&store).await;
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let script = busy(&server, &store, &record).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    assert!(bus.subscribe(Shard::ONLY).await.is_err(), "a rejected subscription fails");
    assert!(store.ping_primary(Shard::ONLY).await.is_err(), "the role of the server is unknown");
    end_script(&server, script).await;
    bus.publish(Shard::ONLY, "message".into()).await.expect("publish");
    until_received(&mut subscription, b"message").await;
}

/// K6.2: in a cluster, it cannot say which slots it has, either.
#[tokio::test]
async fn k6_2_a_script_ends_no_subscription_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    let (store, bus) = connected_by(config(&cluster.url()));
    until_it_serves(&store).await;
    let record = created(&store).await;
    let subscription = bus.subscribe(store.shard_of(record.key())).await.expect("subscribe");
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
    let owner = cluster.node(cluster.primary_of(&name(record.key())));
    let script = busy(owner, &store, &record).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Pending);
    end_script(owner, script).await;
    assert_eq!(subscription.fence().await.expect("fence"), FenceOutcome::Complete);
}
