use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_redis_client::{CircuitState, Client, Command, RedisConfig, RedisError, Reply, ShardId};
use handstamp_testkit::{RedisServer, eventually, free_port};
use tokio::time::timeout;

use crate::harness::{PATIENCE, client, config, get, set, short_limits};

#[tokio::test]
async fn a_client_starts_before_its_server() {
    let port = free_port();
    let client = Client::start(config(&format!("redis://127.0.0.1:{port}")));
    let error = timeout(PATIENCE, client.ping(ShardId::ONLY)).await.expect("at once").expect_err("no server");
    assert!(matches!(error, RedisError::Connection(_)), "{error:?}");
    assert_eq!(client.server_name(ShardId::ONLY), Some(format!("127.0.0.1:{port}")));
}

#[tokio::test]
async fn a_restarted_server_is_reached_again() {
    let mut server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    server.kill();
    eventually("the outage is detected", PATIENCE, async || match client.ping(ShardId::ONLY).await {
        Ok(()) => Err("it still replies"),
        Err(_) => Ok(()),
    })
    .await;
    server.restart().await;
    eventually("the server is reached again", PATIENCE, async || client.ping(ShardId::ONLY).await).await;
}

#[tokio::test]
async fn a_closed_client_accepts_no_commands() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let breakers = client.circuit_breakers();
    client.close().await;
    assert_eq!(client.ping(ShardId::ONLY).await, Err(RedisError::Closed));
    drop(client);
    assert!(!breakers.is_open() && breakers.events().recv().await.is_err());
}

#[tokio::test]
async fn the_circuit_of_a_stalled_server_opens_and_closes() {
    let server = RedisServer::start().await;
    let client = client(short_limits(&server.url())).await;
    let key = Bytes::from_static(b"key");
    set(&client, &key, "value").await;
    let mut events = client.circuit_breakers().events();
    server.pause();
    let get_key = Command::read("GET").arg(key.clone());
    let failed = join_all((0..5).map(|_| client.call(&key, &get_key))).await;
    assert!(failed.iter().all(Result::is_err), "{failed:?}");
    assert_eq!(client.call(&key, &get_key).await, Err(RedisError::CircuitOpen));
    server.resume();
    eventually("the circuit closes", PATIENCE, async || client.call(&key, &get_key).await).await;
    assert_eq!(get(&client, &key).await, Reply::Bytes("value".into()));
    assert_eq!(events.recv().await.expect("an event").state, CircuitState::Open);
}

#[tokio::test]
async fn the_configuration_comes_from_variables() {
    let server = RedisServer::start().await;
    let url = server.url();
    let vars = |name: &str| (name == "REDIS_URL").then(|| url.clone());
    let config = RedisConfig::from_vars(vars).expect("valid settings").expect("servers");
    client(config).await;
    assert!(RedisConfig::from_vars(|_| None).expect("valid settings").is_none());
}
