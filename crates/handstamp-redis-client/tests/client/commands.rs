use bytes::Bytes;
use handstamp_redis_client::{Command, RedisError, Reply, Script, ShardId};
use handstamp_testkit::{RedisServer, eventually};

use crate::harness::{PATIENCE, client, config, get, set};

#[tokio::test]
async fn values_are_set_and_got() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    assert_eq!(get(&client, &key).await, Reply::Nil);
    set(&client, &key, "value").await;
    assert_eq!(get(&client, &key).await, Reply::Bytes("value".into()));
    let both = client.call(&key, &Command::get_with_ttl(key.clone())).await;
    assert_eq!(both, Ok(Reply::List(vec![Reply::Bytes("value".into()), Reply::Integer(-1)])));
    assert_eq!(client.shard_of(|| key.clone()), ShardId::ONLY);
    assert!(client.time(ShardId::ONLY).await.expect("permitted").as_secs() > 1_700_000_000);
}

#[tokio::test]
async fn a_script_is_sent_by_its_text_where_its_hash_is_unknown() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let script = Script::new("return {KEYS[1], ARGV[1]}");
    let key = Bytes::from_static(b"key");
    let run = Command::script(&script, &key, ["argument".into()]);
    for _ in 0..2 {
        let reply = client.call(&key, &run).await;
        assert_eq!(reply, Ok(Reply::List(vec![Reply::Bytes(key.clone()), Reply::Bytes("argument".into())])));
    }
    let counts = server.command_counts();
    assert_eq!((counts.get("evalsha"), counts.get("eval")), (Some(&2), Some(&1)));
}

#[tokio::test]
async fn every_way_to_call_sends_an_unknown_script_by_its_text() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    let script = |source| Command::script(&Script::new(source), &key, []);
    assert_eq!(client.call_shard(ShardId::ONLY, &script("return 1")).await, Ok(Reply::Integer(1)));
    assert_eq!(client.call_unlimited(ShardId::ONLY, &script("return 2")).await, Ok(Reply::Integer(2)));
    assert_eq!(client.call_without_timeout(ShardId::ONLY, &script("return 3")).await, Ok(Reply::Integer(3)));
}

#[tokio::test]
async fn error_replies_have_a_code_and_a_meaning() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    set(&client, &key, "value").await;
    let error = client.call(&key, &Command::read("LLEN").arg(key.clone())).await.expect_err("no list");
    let reply = error.error_reply().expect("an error reply");
    assert!(reply.is_wrong_type() && reply.code() == "WRONGTYPE");
    assert_eq!(error.to_string(), "the server replied WRONGTYPE: the key holds another type of value");
}

/// The error quotes the argument, which is not UTF-8. Both drivers end the connection with it.
#[tokio::test]
async fn after_an_unknown_command_with_binary_arguments_commands_work() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url())).await;
    let key = Bytes::from_static(b"key");
    let unknown = Command::read("UNKNOWN").arg(Bytes::from_static(b"\xff"));
    for _ in 0..3 {
        let error = client.call(&key, &unknown).await.expect_err("no such command");
        assert_eq!(error, RedisError::UnexpectedReply);
    }
    eventually("commands work", PATIENCE, async || {
        let set = Command::write("SET").arg(key.clone()).arg("value");
        client.call(&key, &set).await
    })
    .await;
}

#[tokio::test]
async fn checks_pass_the_limit_of_commands_in_flight() {
    let server = RedisServer::start().await;
    let client = client(config(&server.url()).with_max_in_flight(0)).await;
    let key = Bytes::from_static(b"key");
    let get = Command::read("GET").arg(key.clone());
    assert_eq!(client.call(&key, &get).await, Err(RedisError::Busy));
    assert_eq!(client.call_unlimited(ShardId::ONLY, &get).await, Ok(Reply::Nil));
    assert_eq!(client.call_without_timeout(ShardId::ONLY, &get).await, Ok(Reply::Nil));
    let probe = client.write_probe(ShardId::ONLY).await.expect("a connection");
    let set = Command::write("SET").arg(key).arg("value");
    assert_eq!(probe.call(&set).await, Ok(Reply::Bytes("OK".into())));
    assert_eq!(probe.wait_for_replicas().await, Ok(()));
    probe.keep();
    assert_eq!(server.clients_named("handstamp:write-checks").len(), 1);
}
