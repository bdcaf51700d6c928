//! Forged cookies, planted records, and what Redis and the logs contain.

use handstamp_testkit::RedisServer;
use reqwest::{Method, StatusCode};

use crate::support::{Browser, SECRET, node, session_commands};

#[tokio::test]
async fn forged_cookies_cost_redis_nothing() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let good = Browser::logged_in(&node, "ada").await.session().to_owned();
    redis.log_commands();
    let mut browser = Browser::new();
    for number in 0..2_000_u32 {
        // One character is different: well-formed, with a wrong tag.
        let mut forged = good.clone().into_bytes();
        let position = number as usize % (forged.len() - 4) + 3;
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        browser.cookie = Some(format!("handstamp-id={}", String::from_utf8(forged).unwrap()));
        assert_eq!(browser.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(session_commands(&redis), [""; 0]);
}

#[tokio::test]
async fn invalid_cookies_are_neither_a_session_nor_an_error() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let good = Browser::logged_in(&node, "ada").await.session().to_owned();
    let long = "x".repeat(8_000);
    let mut browser = Browser::new();
    for cookie in [
        "handstamp-id=".to_owned(),
        "handstamp-id=../../x".to_owned(),
        "handstamp-id=*".to_owned(),
        "handstamp-id=%00".to_owned(),
        format!("handstamp-id={long}"),
        format!("handstamp-id={good}="),
        format!("handstamp-id={}", &good[..87]),
        format!("Handstamp-id={good}"),
        format!("__Host-id={good}"),
        format!("handstamp-id=\"{good}\""),
    ] {
        browser.cookie = Some(cookie.clone());
        assert_eq!(browser.status_of_me(&node).await, StatusCode::UNAUTHORIZED, "{cookie:.60}");
    }
    let mut huge = Browser::with_cookie(format!("handstamp-id={}", "x".repeat(1_000_000)));
    let status = huge.status_of_me(&node).await;
    assert!(status.is_client_error(), "{status}");
    browser.cookie = Some(format!("handstamp-id=forged; handstamp-id={good}"));
    assert_eq!(browser.status_of_me(&node).await, StatusCode::OK);
}

/// A valid signature on an id does not create a session.
#[tokio::test]
async fn an_id_without_a_session_is_never_adopted() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let mut signed_but_gone = browser.clone();
    browser.post(&node, "/logout").await;
    let old = signed_but_gone.session().to_owned();
    signed_but_gone.login(&node, "mallory").await;
    assert_ne!(signed_but_gone.session(), old);
    let mut planted = Browser::with_cookie(format!("handstamp-id={old}"));
    assert_eq!(planted.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn neither_redis_nor_the_logs_contain_a_credential() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    browser.post(&node, "/visits").await;
    let cookie = browser.session().to_owned();
    let mut places = redis.keys();
    assert_eq!(places.len(), 1);
    let record = redis.get(&places[0]).unwrap();
    assert!(redis.time_to_live(&places[0]).is_some(), "every key has a time to live");
    let key = places[0].rsplit(':').next().unwrap().to_owned();
    places.push(String::from_utf8_lossy(&record).into_owned());
    places.push(node.output());
    for canary in [&cookie, &cookie[3..45], &SECRET] {
        assert!(!places.iter().any(|place| place.contains(canary)));
    }
    // A key of Redis is not a cookie.
    for value in [key.clone(), format!("{key}{key}xx")] {
        let mut thief = Browser::with_cookie(format!("handstamp-id={value}"));
        assert_eq!(thief.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_id_is_accepted_in_the_cookie_only() {
    let redis = RedisServer::start().await;
    let node = node(&redis, "node-1").await;
    let session = Browser::logged_in(&node, "ada").await.session().to_owned();
    let mut browser = Browser::new();
    for request in [
        browser.request(Method::GET, &node.base_url(), &format!("/me?handstamp-id={session}")),
        browser.request(Method::GET, &node.base_url(), "/me").header("x-session-id", &session),
        browser.request(Method::GET, &node.base_url(), "/me").bearer_auth(&session),
        browser.request(Method::GET, &node.base_url(), "/me").body(format!("handstamp-id={session}")),
    ] {
        assert_eq!(browser.send(request).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn entries_planted_in_redis_open_nothing() {
    let redis = RedisServer::start().await;
    let node = crate::support::node_with(&redis, &[("LOCAL_CACHE_MAX_SIZE", "0")]).await;
    let mut ada = Browser::logged_in(&node, "ada").await;
    let [ada_key] = <[String; 1]>::try_from(redis.keys()).unwrap();
    let mut mallory = Browser::logged_in(&node, "mallory").await;
    let mallory_key = redis.keys().into_iter().find(|key| *key != ada_key).unwrap();
    let minute = std::time::Duration::from_secs(60);

    // Ada's record under mallory's key: the seal does not match.
    let record = redis.get(&ada_key).unwrap();
    redis.set(&mallory_key, &record, minute);
    assert_eq!(mallory.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    assert_eq!(redis.get(&mallory_key).unwrap(), record, "it is not overwritten");

    // Bytes that are not a record: mallory is not locked out, and gets another session.
    redis.set(&mallory_key, b"{\"username\":\"root\"}", minute);
    assert_eq!(mallory.status_of_me(&node).await, StatusCode::UNAUTHORIZED);
    mallory.login(&node, "mallory").await;
    assert_eq!(mallory.me(&node).await["username"], "mallory");
    assert_eq!(redis.get(&mallory_key).unwrap(), b"{\"username\":\"root\"}");

    // A record of a later format: an error, and not a new session.
    let mut newer = redis.get(&ada_key).unwrap();
    newer[2] = 2;
    redis.set(&ada_key, &newer, minute);
    let response = ada.get(&node, "/me").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ada.post(&node, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(redis.get(&ada_key).unwrap(), newer);
}
