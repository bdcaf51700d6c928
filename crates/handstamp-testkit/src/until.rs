use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until `condition` holds. It is asked every few milliseconds.
///
/// # Panics
///
/// When it does not hold within ten seconds, with `what` was waited for.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < LIMIT, "waited {LIMIT:?} in vain: {what}");
        sleep(PAUSE).await;
    }
}

const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(3);
