use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until `condition` holds, and panics with `what` if it does not within ten seconds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "in vain, for {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
