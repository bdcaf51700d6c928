use handstamp_testkit::RedisServer;
use reqwest::StatusCode;

use crate::support::{Browser, node, session_commands};

#[tokio::test]
async fn who_stores_nothing_leaves_nothing() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    redis.log_commands();
    let mut browser = Browser::new();
    for _ in 0..250 {
        for (path, status) in
            [("/", StatusCode::OK), ("/me", StatusCode::UNAUTHORIZED), ("/plain", StatusCode::OK)]
        {
            let answer = browser.get(&node, path).await;
            assert_eq!(answer.status(), status);
            assert!(!answer.headers().contains_key("set-cookie"));
        }
        let answer = browser.post(&node, "/logout").await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    assert!(redis.keys().is_empty());
    assert_eq!(session_commands(&redis), [""; 0]);
}

#[tokio::test]
async fn the_page_and_the_plain_route_are_there() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::new();
    let answer = browser.get(&node, "/plain").await;
    assert!(!answer.headers().contains_key("vary"));
    assert_eq!(answer.text().await.unwrap(), "ok");
    let answer = browser.get(&node, "/").await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(answer.headers().contains_key("content-security-policy"));
    assert!(answer.text().await.unwrap().contains("node-1"));
    assert_eq!(browser.get(&node, "/nowhere").await.status(), StatusCode::NOT_FOUND);
}
