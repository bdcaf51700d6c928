//! Rotation of secrets, and restarts of a node.

use futures_util::future::join_all;
use handstamp_testkit::{NodeProcess, RedisServer, random_secret};
use reqwest::StatusCode;

use crate::support::{Browser, node_with, records, until};

/// A node for each phase of a rotation. Nodes of neighbouring phases run at the same time.
async fn nodes(redis: &RedisServer) -> Vec<NodeProcess> {
    let [old, new] = [random_secret(), random_secret()];
    let phases = [old.clone(), format!("{old},{new}"), format!("{new},{old}"), new];
    join_all(phases.iter().map(async |secrets| node_with(redis, &[("SESSION_SECRET", secrets)]).await)).await
}

/// Pairs of nodes that run at the same time.
fn neighbours(nodes: &[NodeProcess]) -> impl Iterator<Item = (&NodeProcess, &NodeProcess)> {
    nodes.windows(2).flat_map(|pair| [(&pair[0], &pair[1]), (&pair[1], &pair[0])])
}

#[tokio::test]
async fn a_rotation_of_secrets_ends_no_session() {
    let redis = RedisServer::start().await;
    let nodes = nodes(&redis).await;
    let [before, verify_first, after, at_last] = &nodes[..] else { panic!("four phases") };

    let mut browser = Browser::logged_in(before, "ada").await;
    let under_old = browser.cookie.clone();
    assert_eq!(browser.me(verify_first).await["username"], "ada");
    assert_eq!(browser.cookie, under_old);
    assert_eq!(browser.me(after).await["username"], "ada");
    assert_ne!(browser.cookie, under_old, "the cookie is reissued");
    // A node of the phase before accepts it, too, and would reissue it under its own key.
    assert_eq!(browser.clone().me(verify_first).await["username"], "ada");
    assert_eq!(browser.me(at_last).await["username"], "ada");
    assert_eq!(records(&redis).len(), 1);

    let mut stale = Browser::with_cookie(under_old.unwrap());
    assert_eq!(stale.status_of_me(at_last).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_survive_a_restart_of_the_node() {
    let redis = RedisServer::start().await;
    let mut first = node_with(&redis, &[]).await;
    let mut browser = Browser::logged_in(&first, "ada").await;
    first.kill();
    let second = node_with(&redis, &[]).await;
    assert_eq!(browser.me(&second).await["username"], "ada");
}

/// A session can be created, renewed and ended in any phase, and used in the neighbouring ones.
#[tokio::test]
async fn k7_3_neighbouring_phases_of_a_rotation_share_sessions() {
    let redis = RedisServer::start().await;
    let nodes = nodes(&redis).await;
    for (one, other) in neighbours(&nodes) {
        let mut browser = Browser::logged_in(one, "ada").await;
        assert_eq!(browser.post(other, "/visits").await.status(), StatusCode::OK);
        until("the visit is seen", async || browser.me(one).await["visits"] == 1).await;

        let mut late = browser.clone();
        browser.login(one, "ada").await;
        let status = late.post(other, "/visits").await.status();
        // The node has received the message about the renewal, or finds the tombstone in the store.
        assert!([StatusCode::UNAUTHORIZED, StatusCode::CONFLICT].contains(&status), "{status}");
        assert!(late.cookie.is_some());
        assert_eq!(browser.me(other).await["visits"], 1);
        assert_eq!(late.post(other, "/logout").await.status(), StatusCode::NO_CONTENT);
        for node in [one, other] {
            until("the logout has followed the session", async || {
                browser.status_of_me(node).await == StatusCode::UNAUTHORIZED
            })
            .await;
        }
        assert_eq!(browser.post(one, "/visits").await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(records(&redis), Vec::<String>::new());
    }
}

/// A session that is only read, once in each phase, has the oldest possible seal.
#[tokio::test]
async fn k7_3_a_session_that_is_only_read_is_resealed() {
    let redis = RedisServer::start().await;
    let nodes = nodes(&redis).await;
    let key_id = || {
        let [name] = &records(&redis)[..] else { panic!("not one session: {:?}", redis.keys()) };
        redis.get(name).expect("a record")[77..81].to_vec()
    };
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    let old = key_id();
    assert_eq!(browser.me(&nodes[1]).await["username"], "ada");
    assert_eq!(key_id(), old);
    assert_eq!(browser.me(&nodes[2]).await["username"], "ada");
    until("the record is sealed under the new secret", async || key_id() != old).await;
    assert_eq!(browser.me(&nodes[3]).await["username"], "ada");
}

/// A record under a secret that was removed too early is neither accepted nor treated as absent.
#[tokio::test]
async fn k7_3_a_record_under_a_removed_secret_is_unavailable() {
    let redis = RedisServer::start().await;
    let nodes = nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    let under_old = browser.clone();
    let under_new = {
        // The cookie is reissued, and the resealed record is lost in a failover.
        let [name] = &records(&redis)[..] else { panic!("not one session") };
        let before = redis.get(name).expect("a record");
        assert_eq!(browser.me(&nodes[2]).await["username"], "ada");
        until("the record is resealed", async || redis.get(name).is_some_and(|now| now != before)).await;
        redis.set(name, &before, std::time::Duration::from_secs(600));
        &mut browser
    };
    let last = &nodes[3];
    assert_eq!(under_new.status_of_me(last).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(under_new.post(last, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let health: serde_json::Value = Browser::new().get(last, "/health").await.json().await.expect("JSON");
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(under_old.clone().status_of_me(last).await, StatusCode::UNAUTHORIZED);
    assert_eq!(under_new.post(last, "/logout").await.status(), StatusCode::NO_CONTENT, "a logout works");
    assert_eq!(records(&redis), Vec::<String>::new());
}
