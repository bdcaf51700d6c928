//! Keys of sessions that hold something else.

use handstamp_testkit::RedisServer;
use reqwest::StatusCode;

use crate::support::{Browser, node_with};

/// K3.3: neither one session nor many of them fill the log, with or without a cache.
#[tokio::test]
async fn k3_3_keys_that_hold_no_record_are_reported_once() {
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
        // The sessions are in the cache of the node that has created them.
        let node = node_with(&redis, &[("LOCAL_CACHE_MAX_SIZE", cache)]).await;
        for _ in 0..4 {
            for browser in &mut browsers {
                assert_eq!(browser.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
            }
        }
        let output = node.output();
        assert_eq!(output.matches("no session record").count(), 1, "{output}");
    }
}
