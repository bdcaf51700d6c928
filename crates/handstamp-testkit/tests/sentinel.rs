//! The documented behaviour of `RedisSentinel` that tests of other crates rely on.

#![allow(clippy::expect_used, reason = "these are tests")]

use std::time::Duration;

use handstamp_testkit::{RedisSentinel, RedisServer, SentinelOptions, redis};

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_replica_is_promoted_when_the_primary_is_killed() {
    let mut all = RedisSentinel::start().await;
    assert_eq!(all.primary(), 0);
    all.servers()[0].set("key", b"value", TTL);
    all.until_replicated().await;
    all.kill(0);
    let new = all.until_promoted(0).await;
    assert_ne!(new, 0);
    assert_eq!(all.primary(), new);
    assert_eq!(all.servers()[new].get("key").as_deref(), Some(&b"value"[..]));
    all.servers()[new].set("key", b"newer", TTL);
    all.restart(0).await;
    all.until_ok().await;
    assert_eq!(all.servers()[0].get("key").as_deref(), Some(&b"newer"[..]));
}

#[tokio::test]
async fn a_replica_is_promoted_when_the_primary_is_suspended() {
    let mut all = RedisSentinel::start().await;
    all.kill_sentinel(0);
    all.pause(0);
    let new = all.until_promoted(0).await;
    assert_ne!(new, 0);
    all.resume(0);
    all.restart_sentinel(0).await;
    // On a busy machine another failover may follow, so the primary is not checked.
    all.until_ok().await;
}

#[tokio::test]
async fn a_manual_failover_works_with_passwords() {
    let all = RedisSentinel::start_with(SentinelOptions {
        password: Some("s3cret".to_owned()),
        sentinel_password: Some("0ther".to_owned()),
        ..SentinelOptions::default()
    })
    .await;
    let [first, second, third] = all.seeds().try_into().expect("three sentinels");
    assert_eq!(
        all.url(),
        format!(
            "redis-sentinel://:s3cret@{first}/0?node={second}&node={third}&sentinelServiceName=mymaster\
             &sentinelPassword=0ther"
        )
    );
    let ping = |user: &str, port: u16| {
        redis::Client::open(format!("redis://{user}127.0.0.1:{port}"))
            .and_then(|client| redis::cmd("PING").exec(&mut client.get_connection()?))
    };
    for (server, password) in [(&all.servers()[0], "s3cret"), (&all.sentinels()[0], "0ther")] {
        assert_eq!(ping("", server.port()).expect_err("an error reply").code(), Some("NOAUTH"));
        ping(&format!(":{password}@"), server.port()).expect("a reply");
    }
    let new = all.fail_over().await;
    assert_ne!(new, 0);
    all.until_ok().await;
    assert_ne!(all.fail_over().await, new);
}

#[tokio::test]
async fn servers_and_sentinels_end_with_their_value() {
    let all = RedisSentinel::start().await;
    let urls: Vec<_> = all.servers().iter().chain(all.sentinels()).map(RedisServer::url).collect();
    assert_eq!(urls.len(), 6);
    drop(all);
    for url in urls {
        assert!(redis::Client::open(url).expect("url").get_connection().is_err());
    }
}
