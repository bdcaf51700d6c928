//! Keys of sessions with values that are not records.

use handstamp_testkit::RedisServer;
use reqwest::StatusCode;

use crate::support::{Browser, node_with};

/// K3.3: they do not flood the log, neither one session nor many, with or without a cache.
#[tokio::test]
async fn k3_3_keys_without_a_record_are_reported_once() {
    let redis = RedisServer::start().await;
    for cache in ["0", "1000"] {
        let node = node_with(&redis, &[("LOCAL_CACHE_MAX_SIZE", cache)]).await;
        redis.command(&["FLUSHALL"]);
        let mut browsers = Vec::new();
        for _ in 0..5 {
            browsers.push(Browser::logged_in(&node, "ada").await);
        }
        for key in redis.keys() {
            redis.command(&["DEL", &key]);
            redis.command(&["RPUSH", &key, "a", "list"]);
        }
        // Another node, because the first one has cached the sessions.
        let node = node_with(&redis, &[("LOCAL_CACHE_MAX_SIZE", cache)]).await;
        for _ in 0..4 {
            for browser in &mut browsers {
                assert_eq!(browser.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
            }
        }
        let output = node.output();
        assert_eq!(output.matches("not a session record").count(), 1, "{output}");
    }
}
