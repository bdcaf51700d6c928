use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// By how much this process was late at most: nobody's fault but the machine's. Ends when `stop` is told.
pub(crate) async fn longest(mut stop: oneshot::Receiver<()>) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        tokio::select! {
            () = sleep(TICK) => longest = longest.max(begun.elapsed().saturating_sub(TICK)),
            _ = &mut stop => return longest,
        }
    }
}

const TICK: Duration = Duration::from_millis(5);
