//! Login, visits and logout in one browser; cookies and requests from other sites.

use handstamp_testkit::RedisServer;
use handstamp_testkit::redis::Value;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Browser, node, node_with, records};

#[tokio::test]
async fn a_visitor_logs_in_counts_visits_and_logs_out() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::new();
    assert_eq!(browser.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::UNAUTHORIZED);

    let login = browser.request(Method::POST, &node.base_url(), "/login").json(&json!({ "username": "ada" }));
    let response = browser.send(login).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.json::<serde_json::Value>().await.unwrap(),
        json!({ "username": "ada", "node": "node-1" })
    );

    for visits in 1..=3 {
        let response = browser.post(&node, "/visits?hold_ms=1").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.json::<serde_json::Value>().await.unwrap(),
            json!({ "visits": visits, "node": "node-1" })
        );
    }
    assert_eq!(browser.me(&node).await, json!({ "username": "ada", "visits": 3, "node": "node-1" }));

    let mut thief = browser.clone();
    let response = browser.post(&node, "/logout").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(browser.cookie, None);
    assert_eq!(thief.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    assert!(records(&redis).is_empty());
}

#[tokio::test]
async fn a_form_logs_in_too_and_invalid_input_is_rejected() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::new();
    let login = |browser: &Browser| browser.request(Method::POST, &node.base_url(), "/login");
    let form = login(&browser).form(&[("username", "grace h")]);
    assert_eq!(browser.send(form).await.status(), StatusCode::OK);
    assert_eq!(browser.me(&node).await["username"], "grace h");

    let mut visitor = Browser::new();
    let long = "x".repeat(257);
    for request in [
        login(&visitor),
        login(&visitor).body("username=ada"),
        login(&visitor).json(&json!({ "username": "" })),
        login(&visitor).json(&json!({ "username": long })),
        login(&visitor).json(&json!({ "name": "ada" })),
        login(&visitor).json(&json!({ "username": 7 })),
        login(&visitor).header("content-type", "application/json").body("{"),
        login(&visitor).form(&[("user", "ada")]),
    ] {
        let response = visitor.send(request).await;
        assert!(response.status().is_client_error(), "{}", response.status());
        assert_eq!(visitor.cookie, None);
    }
    assert_eq!(visitor.post(&node, "/visits?hold_ms=soon").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(records(&redis).len(), 1);
}

#[tokio::test]
async fn a_login_changes_the_id_and_keeps_no_data_of_another_user() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    browser.post(&node, "/visits").await;
    let mut before = browser.clone();
    browser.login(&node, "ada").await;
    assert_ne!(browser.cookie, before.cookie);
    assert_eq!(browser.me(&node).await["visits"], 1);
    assert_eq!(before.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    browser.login(&node, "mallory").await;
    assert_eq!(browser.me(&node).await["visits"], 0);
    assert_eq!(records(&redis).len(), 1);
}

/// K5.3, S27
#[tokio::test]
async fn k5_3_the_absolute_lifetime_counts_from_the_last_login() {
    let redis = RedisServer::start().await;
    // Shorter than the idle timeout, so that the record's time to live shows it.
    let node = node_with(&redis, &[("SESSION_LIFETIME", "10m")]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let ends = || {
        let [key] = &records(&redis)[..] else { panic!("not one session: {:?}", redis.keys()) };
        match redis.command(&["PEXPIRETIME", key]) {
            Value::Int(millis) => millis,
            other => panic!("{other:?}"),
        }
    };
    for username in ["ada", "bob"] {
        let before = ends();
        browser.login(&node, username).await;
        assert!(ends() > before, "the lifetime starts again");
    }
}

#[tokio::test]
async fn the_cookie_is_for_https_unless_plain_http_is_allowed() {
    let redis = RedisServer::start().await;
    for (insecure, name, attributes) in [
        ("", "handstamp-id", "; HttpOnly; SameSite=Lax; Path=/"),
        ("true", "handstamp-id", "; HttpOnly; SameSite=Lax; Path=/"),
        ("false", "__Host-id", "; HttpOnly; SameSite=Lax; Secure; Path=/"),
    ] {
        let node = node_with(&redis, &[("SESSION_INSECURE_PLAIN_HTTP", insecure)]).await;
        let mut browser = Browser::new();
        let login =
            browser.request(Method::POST, &node.base_url(), "/login").json(&json!({ "username": "ada" }));
        let response = browser.send(login).await;
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        let (pair, rest) = cookie.split_at(name.len() + 1 + 88);
        assert!(pair.starts_with(&format!("{name}=")), "{cookie}");
        assert_eq!(rest, attributes);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["vary"], "cookie");
    }
}

#[tokio::test]
async fn other_sites_can_neither_log_in_nor_log_out() {
    let redis = RedisServer::start().await;
    let node = node_with(&redis, &[]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for path in ["/logout", "/login", "/visits"] {
            let request = browser.request(Method::POST, &node.base_url(), path).header(name, value);
            assert_eq!(browser.send(request).await.status(), StatusCode::FORBIDDEN, "{path} {name}: {value}");
        }
    }
    assert_eq!(browser.get(&node, "/logout").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(browser.me(&node).await["visits"], 0);
    let own_page =
        browser.request(Method::POST, &node.base_url(), "/logout").header("origin", node.base_url());
    assert_eq!(browser.send(own_page).await.status(), StatusCode::NO_CONTENT);
}

/// The setting had no effect: a layer around the routes rejected requests that the logout route accepts.
#[tokio::test]
async fn k10_pages_of_trusted_origins_log_in_and_out() {
    let redis = RedisServer::start().await;
    let node = node_with(&redis, &[("SESSION_TRUSTED_ORIGINS", "https://shop.example")]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let post = |browser: &Browser, path, origin| {
        let request = browser.request(Method::POST, &node.base_url(), path);
        request
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site")
            .json(&json!({ "username": "ada" }))
    };
    for path in ["/login", "/logout"] {
        let rejected = post(&browser, path, "https://evil.example");
        assert_eq!(browser.send(rejected).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let login = post(&browser, "/login", "https://shop.example");
    assert_eq!(browser.send(login).await.status(), StatusCode::OK);
    let logout = post(&browser, "/logout", "https://shop.example");
    assert_eq!(browser.send(logout).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(browser.cookie, None);
}
