//! K5.4: clocks that are wrong, and settings that have changed.

use std::time::Duration;

use handstamp::store::Store;
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Cluster, config};

const MINUTE: Duration = Duration::from_secs(60);

/// K5.4, S84: of a time to live that was set under a longer idle timeout, the present one is what counts, once it is used.
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
        node.runtime.clear();
        let calls = node.faults.calls();
        assert_eq!(browser.on(node).me().await.unwrap(), "ada 0");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(node.faults.calls(), calls + 1, "one load");
    }
}
