use handstamp_testkit::{RedisServer, random_secret};
use reqwest::StatusCode;

use crate::support::{Browser, node_with};

#[tokio::test]
async fn secrets_are_rotated_without_logging_anybody_out() {
    let redis = RedisServer::start().await;
    let node = async |secrets: &str| node_with(&redis, &[("SESSION_SECRET", secrets)]).await;
    let [old, new] = [random_secret(), random_secret()];
    let before = node(&old).await;
    let verify_first = node(&format!("{old},{new}")).await;
    let after = node(&format!("{new},{old}")).await;
    let at_last = node(&new).await;

    let mut browser = Browser::logged_in(&before, "ada").await;
    let under_old = browser.cookie.clone();
    assert_eq!(browser.me(&verify_first).await["username"], "ada");
    assert_eq!(browser.cookie, under_old);
    assert_eq!(browser.me(&after).await["username"], "ada");
    assert_ne!(browser.cookie, under_old, "the cookie is issued anew");
    // A node that is behind takes it too, and would issue it anew under the key that it signs with.
    assert_eq!(browser.clone().me(&verify_first).await["username"], "ada");
    assert_eq!(browser.me(&at_last).await["username"], "ada");
    assert_eq!(redis.keys().len(), 1);

    let mut stale = Browser::with_cookie(under_old.unwrap());
    assert_eq!(stale.status_of_me(&at_last).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_node_that_is_restarted_knows_everybody() {
    let redis = RedisServer::start().await;
    let mut first = node_with(&redis, &[]).await;
    let mut browser = Browser::logged_in(&first, "ada").await;
    first.kill();
    let second = node_with(&redis, &[]).await;
    assert_eq!(browser.me(&second).await["username"], "ada");
}
