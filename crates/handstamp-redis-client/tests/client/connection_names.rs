//! The names of connections in `CLIENT LIST`.

use handstamp_redis_client::{ReadFrom, RedisConfig, ShardId};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{RedisCluster, RedisSentinel, RedisServer, eventually};

use crate::harness::{PATIENCE, client, config, set};

fn named(url: &str) -> RedisConfig {
    config(url).with_client_name("node-1")
}

/// The roles of the connections of this node.
fn roles(server: &RedisServer) -> Vec<String> {
    let list: String = from_redis_value(server.command(&["CLIENT", "LIST"])).expect("a text");
    let names = list.split_whitespace().filter_map(|field| field.strip_prefix("name=handstamp:"));
    let mut roles: Vec<_> =
        names.filter_map(|name| name.strip_suffix(":node-1")).map(str::to_owned).collect();
    roles.sort_unstable();
    roles
}

async fn until_roles_are(server: &RedisServer, expected: &[&str]) {
    eventually("each role has its connection", PATIENCE, async || match roles(server) {
        roles if roles == expected => Ok(()),
        roles => Err(roles),
    })
    .await;
}

/// K11: `CLIENT LIST` shows the role and the node of each connection.
#[tokio::test]
async fn k11_connections_have_names() {
    let server = RedisServer::start().await;
    let first = client(named(&server.url()).with_wait_replicas(1)).await;
    let _subscription = first.subscribe(ShardId::ONLY, "channel").await.expect("subscribe");
    until_roles_are(&server, &["commands", "durable-writes", "invalidations"]).await;
    let _other = client(config(&server.url())).await;
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
    let _client = client(named(&sentinel.url())).await;
    eventually("a Sentinel is watched", PATIENCE, async || {
        let watched = sentinel.sentinels().iter().map(roles).filter(|roles| *roles == ["sentinel"]);
        if watched.count() == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;

    let cluster = RedisCluster::start().await;
    let client = client(named(&cluster.url()).with_read_from(ReadFrom::Replica)).await;
    set(&client, &"key".into(), "value").await;
    let primary = cluster.primaries()[0];
    until_roles_are(cluster.node(primary), &["commands"]).await;
    until_roles_are(cluster.node(cluster.replicas_of(primary)[0]), &["replica-reads"]).await;
}
