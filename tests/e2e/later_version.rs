//! Nodes of this version next to nodes of a later one.

use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_testkit::{LaterVersion, RedisServer, until};
use reqwest::StatusCode;

use crate::support::{Browser, CACHED_FOR_LONG, SECRET, node, node_with, records};

/// The only record, and the session key at the end of its name.
fn stored(redis: &RedisServer) -> (String, SessionKey, Vec<u8>) {
    let [name] = &records(redis)[..] else { panic!("not one session: {:?}", redis.keys()) };
    let (_, key) = name.rsplit_once(':').expect("a name with a session key");
    (name.clone(), key.parse().expect("a session key"), redis.get(name).expect("a record"))
}

fn with_flag(later: &LaterVersion, key: &SessionKey, record: &[u8]) -> Vec<u8> {
    later.with_flags(key, record, 1)
}

fn with_critical_field(later: &LaterVersion, key: &SessionKey, record: &[u8]) -> Vec<u8> {
    later.with_field(key, record, LaterVersion::CRITICAL, b"")
}

fn replace(redis: &RedisServer, change: impl FnOnce(&LaterVersion, &SessionKey, &[u8]) -> Vec<u8>) {
    let later = LaterVersion::new("handstamp", &SECRET);
    let (name, key, record) = stored(redis);
    redis.set(&name, &change(&later, &key, &record), Duration::from_secs(600));
}

#[tokio::test]
async fn k7_3_a_field_of_a_later_version_is_preserved() {
    let redis = RedisServer::start().await;
    let mut browser = Browser::logged_in(&node(&redis, "node-1").await, "ada").await;
    replace(&redis, |later, key, record| {
        later.with_field(key, record, LaterVersion::HARMLESS, b"a later field")
    });
    let node = node(&redis, "node-2").await;
    let is_kept = || stored(&redis).2.windows(13).any(|bytes| bytes == b"a later field");
    for visits in 1..=2 {
        assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::OK);
        assert_eq!(browser.me(&node).await["visits"], visits);
        assert!(is_kept(), "after visit {visits}");
    }
    browser.login(&node, "ada").await;
    assert!(is_kept(), "after a renewal");
}

#[tokio::test]
async fn k7_3_a_record_with_an_unknown_flag_or_critical_field_is_neither_read_nor_overwritten() {
    let redis = RedisServer::start().await;
    for change in [with_flag, with_critical_field] {
        let mut browser = Browser::logged_in(&node(&redis, "node-1").await, "ada").await;
        replace(&redis, change);
        let node = node(&redis, "node-2").await;
        let (_, _, before) = stored(&redis);
        assert_eq!(browser.status_of_me(&node).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(browser.cookie.is_some(), "the cookie is kept");
        assert_eq!(stored(&redis).2, before);

        browser.login(&node, "bob").await;
        assert_eq!(browser.me(&node).await["username"], "bob", "a login works");
        assert_eq!(browser.post(&node, "/logout").await.status(), StatusCode::NO_CONTENT);
        for record in records(&redis) {
            redis.command(&["DEL", &record]);
        }
    }
}

#[tokio::test]
async fn k7_3_a_logout_ends_a_record_of_a_later_version() {
    let redis = RedisServer::start().await;
    let mut browser = Browser::logged_in(&node(&redis, "node-1").await, "ada").await;
    replace(&redis, with_flag);
    let node = node(&redis, "node-2").await;
    assert_eq!(browser.post(&node, "/logout").await.status(), StatusCode::NO_CONTENT);
    assert_eq!((browser.cookie, records(&redis)), (None, vec![]));
}

/// A message of a later version may have any content, also that the session was changed.
#[tokio::test]
async fn k7_2_a_message_of_an_unknown_kind_clears_the_cache() {
    let redis = RedisServer::start().await;
    let node = node_with(&redis, &CACHED_FOR_LONG).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    assert_eq!(browser.me(&node).await["username"], "ada");
    let (name, ..) = stored(&redis);
    redis.command(&["DEL", &name]);
    assert_eq!(browser.me(&node).await["username"], "ada", "from the cache");
    let message = LaterVersion::new("handstamp", &SECRET).message(200, b"in an unknown form");
    assert_eq!(redis.publish("handstamp:invalidate", &message), 1);
    until("the cache is cleared", async || browser.status_of_me(&node).await == StatusCode::UNAUTHORIZED)
        .await;
}
