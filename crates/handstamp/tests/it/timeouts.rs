//! Idle timeout and absolute lifetime.

use std::time::Duration;

use handstamp::store::Records;
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Browser, Cluster, Node, User, app, config};

const MINUTE: Duration = Duration::from_secs(60);

/// Sessions that live for ten minutes without use, and for an hour in all.
async fn logged_in(cluster: &Cluster) -> (Node, Browser) {
    let config = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
    // The cache outlives every step, so that the tests show whether it serves expired sessions.
    let node = cluster.node_with(config.local_cache_ttl(100 * MINUTE)).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser)
}

impl Cluster {
    /// Advances the clock, and waits for the next fence.
    async fn wait(&self, duration: Duration) {
        self.clock.advance(duration);
        // tokio's time is paused, so this takes no time.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_session_expires() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    cluster.wait(9 * MINUTE).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("the use counts", async || cluster.remaining(&browser).await > 9 * MINUTE).await;
    cluster.wait(9 * MINUTE).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("the use counts", async || cluster.remaining(&browser).await > 9 * MINUTE).await;
    cluster.wait(10 * MINUTE).await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert!(cluster.store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_lifetime_however_often_it_is_used() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    for minute in (5..60).step_by(5) {
        cluster.wait(5 * MINUTE).await;
        assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK, "after {minute} minutes");
        if minute == 30 {
            browser.post("/renew", "").await;
        }
    }
    assert_eq!(browser.me().await.unwrap(), "ada 11");
    cluster.wait(5 * MINUTE).await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert!(cluster.store.is_empty());
}

/// K5.4, F19, S28, S84
#[tokio::test(start_paused = true)]
async fn k5_4_both_limits_hold_for_a_record_without_a_time_to_live() {
    for unused in [11 * MINUTE, 60 * MINUTE] {
        let cluster = Cluster::new();
        let (node, mut browser) = logged_in(&cluster).await;
        node.sessions.clear_local_cache();
        cluster.store.make_permanent(&browser.session_key());
        cluster.wait(unused).await;
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED), "after {unused:?}");
    }
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    node.sessions.clear_local_cache();
    cluster.store.make_permanent(&browser.session_key());
    cluster.wait(9 * MINUTE).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("it has a limit again", async || cluster.remaining(&browser).await > 9 * MINUTE).await;
    let ten_years = Duration::from_secs(315_360_000);
    let _ = cluster.store.touch(&browser.session_key(), ten_years).await.unwrap();
    cluster.wait(60 * MINUTE).await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// K5.4, S84: shorter settings apply to existing sessions.
#[tokio::test(start_paused = true)]
async fn k5_4_shorter_settings_apply_to_existing_sessions() {
    let limits = |idle, lifetime| config().session_timeout(idle * MINUTE).session_lifetime(lifetime * MINUTE);
    let cluster = Cluster::new();
    let before = cluster.node_with(limits(60, 60)).await;
    let mut browser = before.browser();
    browser.login("ada").await;
    let after = cluster.node_with(limits(30, 20)).await;
    let mut elsewhere = browser.on(&after);
    cluster.wait(20 * MINUTE - Duration::from_secs(2)).await;
    assert_eq!(elsewhere.get("/peek").await.body, "ada");
    cluster.wait(Duration::from_secs(2)).await;
    assert_eq!(elsewhere.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(browser.me().await.unwrap(), "ada 0", "on the node with the old settings");
}

/// K5.4, F11, S30: a node whose clock is behind keeps no session longer; one whose clock is ahead ends none early.
#[tokio::test(start_paused = true)]
async fn k5_4_a_wrong_clock_of_a_node_changes_no_deadline() {
    for offset in [-60_000, 25 * 3_600_000] {
        let cluster = Cluster::new();
        let limits = config().session_timeout(10 * MINUTE).session_lifetime(30 * MINUTE);
        let right = cluster.node_with(limits.clone()).await;
        let wrong = cluster.node_with_clock_off_by(limits, offset).await;
        let mut browser = right.browser();
        browser.login("ada").await;
        let (cookie, mut browser) = (browser.session(), browser.on(&wrong));
        for minutes in [5, 10, 15, 20, 25] {
            cluster.wait(5 * MINUTE).await;
            assert_eq!(browser.me().await.unwrap(), "ada 0", "after {minutes} minutes");
            let left = (30 - minutes).min(10) * MINUTE;
            until("the use counts", async || cluster.remaining(&browser).await >= left - MINUTE / 60).await;
            assert!(cluster.remaining(&browser).await <= left, "it outlives its lifetime");
        }
        assert_eq!(browser.session(), cookie);
        cluster.wait(5 * MINUTE).await;
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
        let health = browser.get("/health").await;
        assert_eq!(health.status, StatusCode::OK);
        assert!(health.body.contains(r#""status":"degraded","redis":true"#), "{}", health.body);
        assert!(right.browser().get("/health").await.body.contains(r#""status":"ok""#));
    }
}

/// K5.1: the session would have ended while the request was in progress, several times over.
#[tokio::test(start_paused = true)]
async fn k5_1_a_request_that_arrives_in_time_keeps_its_session_however_long_it_takes() {
    let cluster = Cluster::new();
    for (path, body) in [("/wait/read", "ada 0"), ("/wait/change", "ada 1"), ("/wait/extract", "ada 0")] {
        let limits = config().session_timeout(Duration::from_secs(2)).session_lifetime(60 * MINUTE);
        let node = cluster.node_with_system_clock(limits).await;
        let mut browser = node.browser();
        browser.login("ada").await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(browser.me().await.unwrap(), body);
    }
}

/// K5.1: the handler responds at once, and does not wait for the touch.
#[tokio::test(start_paused = true)]
async fn k5_1_a_request_counts_as_a_use_when_it_arrives() {
    let cluster = Cluster::new();
    let node = cluster.node_with_system_clock(config().session_timeout(Duration::from_secs(2))).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let arrived = tokio::time::Instant::now();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    tokio::time::sleep_until(arrived + Duration::from_millis(1_900)).await;
    node.sessions.clear_local_cache();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

/// K5.2, B8: a stream after the response.
#[tokio::test(start_paused = true)]
async fn k5_2_a_stream_keeps_its_session_by_touches_commits_and_refreshes() {
    for way in ["touch", "commit", "refresh"] {
        let cluster = Cluster::new();
        let node = cluster.node_with_system_clock(config().session_timeout(Duration::from_secs(10))).await;
        let mut browser = node.browser();
        browser.login("ada").await;
        let session = browser.take_session().await;
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match way {
                "touch" => session.touch().await.unwrap(),
                "commit" => session.commit().await.unwrap(),
                _ => session.refresh().await.unwrap(),
            }
        }
        node.sessions.clear_local_cache();
        assert_eq!(browser.me().await.unwrap(), "ada 0", "{way}");
        assert!(node.faults.calls() < 200, "{way}: a touch is throttled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_touch_of_an_ended_session_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.node_with_system_clock(config().session_timeout(Duration::from_secs(10))).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let session = browser.take_session().await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(matches!(session.touch().await, Err(handstamp::SessionError::Gone)));
    let nothing = node.browser().take_session().await;
    nothing.touch().await.unwrap();
    assert!(nothing.is_new() && cluster.store.is_empty());
}

/// K5.3, B10, S27
#[tokio::test(start_paused = true)]
async fn k5_3_a_login_restarts_the_lifetime_and_a_renewal_does_not() {
    let cluster = Cluster::new();
    let config = config().session_timeout(100 * MINUTE).session_lifetime(60 * MINUTE);
    let node = cluster.node_with(config).await;
    for (path, alive) in [("/login", true), ("/renew-for-login", true), ("/renew", false)] {
        let mut browser = node.browser();
        browser.post("/visit", "").await;
        cluster.wait(55 * MINUTE).await;
        let before = browser.session();
        assert_eq!(browser.post(path, "ada").await.status, StatusCode::OK);
        assert_ne!(browser.session(), before, "{path}");
        cluster.wait(50 * MINUTE).await;
        assert_eq!(browser.get("/visits").await.body, if alive { "1" } else { "0" }, "{path}");
    }
}

/// K5.6, S96
#[tokio::test(start_paused = true)]
async fn k5_6_prefetches_and_peeks_do_not_keep_a_session_alive() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    for _ in 0..9 {
        cluster.wait(MINUTE).await;
        assert_eq!(browser.get("/peek").await.body, "ada");
        for (name, purpose) in [
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "Prefetch"),
        ] {
            let prefetch = http::Request::get("/me").header(name, purpose);
            let prefetch = prefetch.body(axum::body::Body::empty()).unwrap();
            assert_eq!(browser.send(prefetch).await.status, StatusCode::OK);
        }
        node.sessions.clear_local_cache();
    }
    cluster.wait(MINUTE).await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
}

#[tokio::test(start_paused = true)]
async fn a_warm_cache_knows_both_deadlines_without_the_store() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    cluster.wait(10 * MINUTE).await;
    let calls = node.faults.calls();
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(
        node.faults.calls(),
        calls + 1,
        "an entry past its idle deadline is no verdict: the store is asked"
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_past_its_idle_deadline_is_a_miss() {
    let cluster = Cluster::new();
    let (_one, mut browser) = logged_in(&cluster).await;
    let (two, _) = logged_in(&cluster).await;
    let mut elsewhere = browser.on(&two);
    assert_eq!(elsewhere.me().await.unwrap(), "ada 0");
    cluster.wait(8 * MINUTE).await;
    assert_eq!(elsewhere.me().await.unwrap(), "ada 0");
    until("the use counts", async || cluster.remaining(&browser).await > 9 * MINUTE).await;
    cluster.wait(8 * MINUTE).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0", "this node has not seen it for sixteen minutes");
}

#[tokio::test(start_paused = true)]
async fn touches_of_a_busy_session_are_throttled() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let calls = node.faults.calls();
    for _ in 0..1_000 {
        assert_eq!(browser.me().await.unwrap(), "ada 0");
    }
    assert_eq!(node.faults.calls(), calls, "it has just been used");
    cluster.wait(2 * MINUTE).await;
    for _ in 0..1_000 {
        assert_eq!(browser.me().await.unwrap(), "ada 0");
    }
    until("the use counts", async || cluster.remaining(&browser).await > 9 * MINUTE).await;
    assert_eq!(node.faults.calls(), calls + 1);
}

impl Cluster {
    async fn remaining(&self, browser: &Browser) -> Duration {
        self.store
            .load(&browser.session_key())
            .await
            .unwrap()
            .and_then(|stored| stored.remaining)
            .unwrap_or_default()
    }
}

/// K5.4: a wrong clock must not change the age of a persistent cookie.
#[tokio::test(start_paused = true)]
async fn k5_4_a_wrong_clock_of_a_node_changes_no_max_age() {
    let cluster = Cluster::new();
    let limits = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
    for offset in [-600_000, 25 * 3_600_000] {
        let node = cluster.node_with_clock_off_by(limits.clone(), offset).await;
        let layer = handstamp::SessionLayer::<User>::new(&node.sessions).persistent();
        let mut browser = Node { app: app(&node.sessions).layer(layer), ..node.clone() }.browser();
        for path in ["/login", "/visit", "/renew"] {
            let response = browser.post(path, "ada").await;
            let cookie = response.set_cookie().unwrap_or("Max-Age=3600");
            assert!(cookie.ends_with("Max-Age=3600"), "{path}: {cookie}");
        }
        node.faults.fail_tombstones([handstamp_testkit::Fault::LoseReply; 2]);
        let unknown = browser.post("/renew", "").await;
        assert!(unknown.set_cookie().unwrap().ends_with("Max-Age=3600"), "a renewal without a reply");
    }
}

/// K5.2: the first touch finds it in the store, and later ones do not query it again.
#[tokio::test(start_paused = true)]
async fn k5_2_every_touch_of_an_ended_session_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.node_with_system_clock(config().session_timeout(Duration::from_secs(10))).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let session = browser.take_session().await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    for _ in 0..3 {
        assert!(matches!(session.touch().await, Err(handstamp::SessionError::Gone)));
    }
    session.refresh().await.unwrap();
    session.touch().await.unwrap();
    assert!(session.is_new());
}

/// K2.3: the first touch finds it in the store, and later ones do not query it again.
#[tokio::test(start_paused = true)]
async fn k2_3_every_touch_of_a_moved_session_is_an_error() {
    let cluster = Cluster::new();
    let timeout = Duration::from_secs(100);
    let node = cluster.node_with(config().session_timeout(timeout)).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let session = browser.take_session().await;
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    // A touch is due.
    cluster.clock.advance(timeout / 5);
    for _ in 0..3 {
        assert!(matches!(session.touch().await, Err(handstamp::SessionError::Moved)));
    }
}

/// K5.2: also if no touch is due yet.
#[tokio::test(start_paused = true)]
async fn k5_2_a_touch_after_a_logout_on_any_node_is_an_error() {
    let cluster = Cluster::new();
    let (node, other) = (cluster.node().await, cluster.node().await);
    for place in [&node, &other] {
        let mut browser = node.browser();
        browser.login("ada").await;
        let session = browser.take_session().await;
        session.touch().await.unwrap();
        browser.on(place).post("/logout", "").await;
        until("the node has heard of it", async || {
            matches!(session.touch().await, Err(handstamp::SessionError::Gone))
        })
        .await;
    }
}

/// K5.6: a prefetch with a stale second cookie does not count as a use.
#[tokio::test(start_paused = true)]
async fn k5_6_a_prefetch_with_two_cookies_does_not_keep_a_session_alive() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let mut bob = node.browser();
    bob.login("bob").await;
    let cookies = format!("__Host-id={}; __Host-id={}", browser.session(), bob.session());
    bob.post("/logout", "").await;
    cluster.wait(5 * MINUTE).await;
    let prefetch = http::Request::get("/me").header("sec-purpose", "prefetch").header("cookie", cookies);
    let response = node.browser().send(prefetch.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(response.body, "ada 0");
    cluster.wait(Duration::from_secs(1)).await;
    assert!(cluster.remaining(&browser).await < 5 * MINUTE);
}
