//! Visitors without data: no record, no cookie.

use handstamp_testkit::RedisServer;
use reqwest::StatusCode;

use crate::support::{Browser, node, session_commands};

#[tokio::test]
async fn a_visitor_without_data_leaves_nothing() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    redis.log_commands();
    let mut browser = Browser::new();
    for _ in 0..250 {
        for (path, status) in
            [("/", StatusCode::OK), ("/me", StatusCode::UNAUTHORIZED), ("/plain", StatusCode::OK)]
        {
            let response = browser.get(&node, path).await;
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key("set-cookie"));
        }
        let response = browser.post(&node, "/logout").await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(!response.headers().contains_key("set-cookie"));
    }
    assert!(redis.keys().is_empty());
    assert_eq!(session_commands(&redis), [""; 0]);
}

#[tokio::test]
async fn the_page_and_the_plain_route_are_served() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::new();
    let response = browser.get(&node, "/plain").await;
    assert!(!response.headers().contains_key("vary"));
    assert_eq!(response.text().await.unwrap(), "ok");
    let response = browser.get(&node, "/").await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert!(response.headers().contains_key("content-security-policy"));
    assert!(response.text().await.unwrap().contains("node-1"));
    assert_eq!(browser.get(&node, "/nowhere").await.status(), StatusCode::NOT_FOUND);
}
