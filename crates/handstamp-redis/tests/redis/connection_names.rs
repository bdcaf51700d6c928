//! What `CLIENT LIST` says of the connections.

use handstamp_redis::{ReadFrom, RedisConfig};
use handstamp_store::{Bus, Shard};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{RedisCluster, RedisSentinel, RedisServer, eventually};

use crate::harness::{PATIENCE, config, connected_by, created, until_it_serves};

fn named(url: &str) -> RedisConfig {
    config(url).with_client_name("node-1")
}

/// The names of our connections, without what they have in common.
fn purposes(server: &RedisServer) -> Vec<String> {
    let list: String = from_redis_value(server.command(&["CLIENT", "LIST"])).expect("a text");
    let names = list.split_whitespace().filter_map(|field| field.strip_prefix("name=handstamp:"));
    let mut purposes: Vec<_> =
        names.filter_map(|name| name.strip_suffix(":node-1")).map(str::to_owned).collect();
    purposes.sort_unstable();
    purposes
}

async fn until_purposes_are(server: &RedisServer, expected: &[&str]) {
    eventually("each purpose has its connection", PATIENCE, async || match purposes(server) {
        purposes if purposes == expected => Ok(()),
        purposes => Err(purposes),
    })
    .await;
}

/// K11: `CLIENT LIST` shows the purpose and the node of each connection.
#[tokio::test]
async fn k11_connections_have_names() {
    let server = RedisServer::start().await;
    let (store, bus) = connected_by(named(&server.url()).with_wait_replicas(1));
    until_it_serves(&store).await;
    let _subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    until_purposes_are(&server, &["commands", "durable-writes", "invalidations"]).await;
    let (_other, _bus) = connected_by(config(&server.url()));
    eventually("a name without a node", PATIENCE, async || {
        match server.clients_named("handstamp:commands").len() {
            2 => Ok(()),
            count => Err(count),
        }
    })
    .await;
}

#[tokio::test]
async fn k11_connections_to_sentinels_and_nodes_of_a_cluster_have_names_too() {
    let sentinel = RedisSentinel::start().await;
    let (store, _bus) = connected_by(named(&sentinel.url()));
    until_it_serves(&store).await;
    eventually("a Sentinel is watched", PATIENCE, async || {
        let watched = sentinel.sentinels().iter().map(purposes).filter(|purposes| *purposes == ["sentinel"]);
        if watched.count() == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;

    let cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(named(&cluster.url()).with_read_from(ReadFrom::Replica));
    until_it_serves(&store).await;
    created(&store).await;
    let primary = cluster.primaries()[0];
    until_purposes_are(cluster.node(primary), &["commands"]).await;
    until_purposes_are(cluster.node(cluster.replicas_of(primary)[0]), &["replica-reads"]).await;
}
