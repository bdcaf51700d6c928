//! Idle timeout and absolute lifetime.

use std::time::Duration;

use handstamp::store::Store;
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Browser, Cluster, Node, config};

const MINUTE: Duration = Duration::from_secs(60);

/// Sessions that live for ten minutes without use, and for an hour in all.
async fn logged_in(cluster: &Cluster) -> (Node, Browser) {
    let config = config().session_timeout(10 * MINUTE).session_lifetime(60 * MINUTE);
    // The manual clock never moves by itself; a cache that outlives every step shows what it may serve.
    let node = cluster.node_with(config.local_cache_ttl(100 * MINUTE)).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser)
}

impl Cluster {
    /// Lets time go by, and the node prove anew that it listens.
    async fn wait(&self, duration: Duration) {
        self.clock.advance(duration);
        // tokio's time is paused: this takes none.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_used_ends() {
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
async fn however_much_it_is_used_a_session_ends_with_its_lifetime() {
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

#[tokio::test(start_paused = true)]
async fn neither_limit_is_forgotten_when_somebody_makes_the_record_permanent() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let ten_years = Duration::from_secs(315_360_000);
    let _ = cluster.store.touch(&browser.session_key(), ten_years).await.unwrap();
    cluster.wait(60 * MINUTE).await;
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
async fn an_entry_past_its_idle_deadline_is_no_verdict() {
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
async fn a_busy_session_is_touched_a_few_times_only() {
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
