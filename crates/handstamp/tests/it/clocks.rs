//! K5.4: wrong clocks, and an unknown time.

use std::time::Duration;

use bytes::Bytes;
use handstamp::store::{Records, SaveOutcome, Topology};
use handstamp_core::record::{Record, Sealer};
use handstamp_core::time::Timestamp;
use handstamp_testkit::{Faults, Log, until};
use http::StatusCode;
use tracing::Level;

use crate::support::{Browser, Cluster, config, key_ring, stored_record};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: i64 = 24 * 3_600_000;

impl Cluster {
    async fn record(&self, browser: &Browser) -> Record {
        stored_record(self, browser).await
    }

    async fn time(&self) -> Timestamp {
        let shard = self.store.shard_of(&handstamp_testkit::record().key);
        self.store.time(shard).await.unwrap().expect("a clock")
    }

    /// Changes the record as if the session began a day from now.
    async fn put_ahead(&self, browser: &Browser, ttl: Duration) {
        let before = self.record(browser).await;
        let created_at = self.time().await.saturating_add(Duration::from_secs(86_400));
        let revision = before.revision.next(before.saved_at);
        let expires_at = created_at.saturating_add(60 * MINUTE);
        let ahead = Record { revision, created_at, expires_at, ..before.clone() };
        let ahead = Sealer::new(&key_ring()).seal(&ahead).unwrap();
        let saved = self.store.save(&ahead, before.revision, ttl, Bytes::new()).await.unwrap();
        assert_eq!(saved, SaveOutcome::Saved);
    }
}

#[tokio::test(start_paused = true)]
async fn k5_4_a_node_that_starts_in_an_outage_does_not_trust_its_own_clock() {
    for offset in [-DAY, DAY] {
        let cluster = Cluster::new();
        let limits = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
        let right = cluster.node_with(limits.clone()).await;
        let mut browser = right.browser();
        browser.login("ada").await;
        let wrong = cluster.faulty_node_with_clock_off_by(limits, offset, Faults::fail).await;
        let mut elsewhere = browser.on(&wrong);
        assert_eq!(elsewhere.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
        wrong.faults.work();
        assert_eq!(elsewhere.me().await.unwrap(), "ada 0", "{offset} ms off");

        let wrong = cluster.faulty_node_with_clock_off_by(config(), offset, Faults::fail).await;
        let mut browser = wrong.browser();
        wrong.faults.work();
        browser.login("bob").await;
        assert_eq!(cluster.record(&browser).await.created_at, cluster.time().await, "{offset} ms off");
    }
}

#[tokio::test(start_paused = true)]
async fn k5_4_if_the_store_rejects_time_queries_requests_work() {
    for offset in [-DAY, 0, DAY] {
        let (log, _guard) = Log::capture();
        let cluster = Cluster::new();
        let limits = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
        let right = cluster.node_with(limits.clone()).await;
        let mut browser = right.browser();
        browser.login("ada").await;
        let wrong =
            cluster.faulty_node_with_clock_off_by(limits, offset, |faults| faults.reject_time(true)).await;
        let mut elsewhere = browser.on(&wrong);
        for _ in 0..9 {
            assert_eq!(elsewhere.me().await.unwrap(), "ada 0", "{offset} ms off");
            cluster.clock.advance(MINUTE);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for path in ["/visit", "/renew"] {
            assert_eq!(elsewhere.post(path, "").await.status, StatusCode::OK, "{path}");
            assert_eq!(elsewhere.me().await.unwrap(), "ada 1", "{path}");
        }
        let mut bob = wrong.browser();
        bob.login("bob").await;
        assert_eq!(bob.me().await.unwrap(), "bob 0");
        browser = elsewhere;
        assert_eq!(browser.on(&wrong).post("/logout", "").await.status, StatusCode::NO_CONTENT);
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));

        let health = wrong.browser().get("/health").await;
        assert_eq!(health.status, StatusCode::OK);
        let expected = r#"{"status":"degraded","redis":true,"coordinator_running":true,"cache_size":"#;
        assert!(health.body.starts_with(expected), "{}", health.body);
        assert_eq!(wrong.browser().get("/health/ready").await.status, StatusCode::OK);
        let warnings = log.lines(Level::WARN, "handstamp_store");
        assert!(
            matches!(&warnings[..], [one] if one.contains("commanded to reject the call")),
            "{warnings:?}"
        );

        wrong.faults.reject_time(false);
        until("the time is known", async || wrong.sessions.is_time_known()).await;
        wrong.browser().login("bob").await;
        assert_eq!(wrong.browser().get("/health/ready").await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn k5_4_a_session_that_begins_in_the_future_ends_with_its_lifetime() {
    for ttl in [10 * MINUTE, 10_000 * MINUTE] {
        let cluster = Cluster::new();
        let limits = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
        let nodes = [cluster.node_with(limits.clone()).await, cluster.node_with(limits).await];
        let mut browser = nodes[0].browser();
        browser.login("ada").await;
        cluster.put_ahead(&browser, ttl).await;
        let first_seen = cluster.time().await;
        for minutes in 0..60 {
            for node in &nodes {
                node.sessions.clear_local_cache();
                let seen = browser.on(node).me().await;
                assert_eq!(seen.as_deref(), Ok("ada 0"), "after {minutes} minutes");
            }
            cluster.clock.advance(MINUTE);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if minutes < 59 {
                let record = cluster.record(&browser).await;
                assert_eq!(record.created_at, first_seen);
                assert_eq!(record.expires_at, first_seen.saturating_add(60 * MINUTE));
            }
        }
        for node in &nodes {
            node.sessions.clear_local_cache();
            assert_eq!(browser.on(node).me().await, Err(StatusCode::UNAUTHORIZED));
        }
        assert!(cluster.store.is_empty());
    }
}

/// K5.4: the record is rewritten while a request changes the session, or a stream holds it.
#[tokio::test(start_paused = true)]
async fn k5_4_a_session_that_begins_in_the_future_loses_no_change() {
    let cluster = Cluster::new();
    let limits = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
    let node = cluster.node_with(limits).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    cluster.put_ahead(&browser, 10 * MINUTE).await;
    node.sessions.clear_local_cache();
    let stream = browser.take_session().await;
    for visits in 1..=20_u32 {
        assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
        stream.touch().await.unwrap();
        assert_eq!(browser.me().await.unwrap(), format!("ada {visits}"));
        cluster.clock.advance(MINUTE);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(cluster.record(&browser).await.created_at < cluster.time().await);
}

/// K5.4, S84: a time to live from a longer idle timeout is reduced to the current one when the session is used.
#[tokio::test(start_paused = true)]
async fn k5_4_an_idle_timeout_that_has_become_shorter_ends_sessions_that_are_not_used() {
    let cluster = Cluster::new();
    let before = cluster.node_with(config().session_timeout(60 * MINUTE)).await;
    let mut browser = before.browser();
    browser.login("ada").await;
    let after = cluster.node_with(config().session_timeout(2 * MINUTE)).await;
    let mut browser = browser.on(&after);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("the time to live is shorter", async || {
        let stored = cluster.store.load(&browser.session_key()).await.unwrap().expect("a record");
        stored.remaining.is_some_and(|left| left <= 2 * MINUTE)
    })
    .await;
    cluster.clock.advance(4 * MINUTE);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
}

#[tokio::test(start_paused = true)]
async fn k5_4_where_settings_and_clocks_agree_reading_writes_nothing() {
    let cluster = Cluster::new();
    let nodes = [cluster.node().await, cluster.node().await];
    let mut browser = nodes[0].browser();
    browser.login("ada").await;
    for node in nodes.iter().cycle().take(20) {
        node.sessions.clear_local_cache();
        let calls = node.faults.calls();
        assert_eq!(browser.on(node).me().await.unwrap(), "ada 0");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(node.faults.calls(), calls + 1, "one load");
    }
}
