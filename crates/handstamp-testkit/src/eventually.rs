use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Repeats `attempt` until it succeeds, every few milliseconds at first, and less often later.
///
/// ```
/// # use handstamp_testkit::{PATIENCE, eventually};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut count = 0;
/// let found = eventually("the count reaches three", PATIENCE, async || {
///     count += 1;
///     if count < 3 { Err(format!("it is {count}")) } else { Ok(count) }
/// });
/// assert_eq!(found.await, 3);
/// # });
/// ```
///
/// # Panics
///
/// When it has not succeeded within `limit`. The message contains `what` and the last error.
#[track_caller]
pub fn eventually<T, E: Debug>(
    what: &str,
    limit: Duration,
    attempt: impl AsyncFnMut() -> Result<T, E>,
) -> impl Future<Output = T> {
    eventually_for(Location::caller(), what, limit, attempt)
}

pub(crate) async fn eventually_for<T, E: Debug>(
    caller: &'static Location<'static>,
    what: &str,
    limit: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + limit;
    let mut pause = SHORTEST_PAUSE;
    loop {
        // The last attempt begins after the deadline, so that there is one even if this process was suspended until then.
        let is_last = Instant::now() >= deadline;
        match attempt().await {
            Ok(value) => return value,
            Err(error) if is_last => {
                panic!("{caller}: timed out after {limit:?}: {what}; the last error: {error:?}")
            }
            Err(_) => sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "timed out after 10ms: the impossible; the last error: \"no\"")]
    async fn the_panic_names_the_awaited_event() {
        eventually("the impossible", Duration::from_millis(10), async || Err::<(), _>("no")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_begins_after_the_deadline() {
        let mut attempts = 0;
        let late = eventually("the second attempt", Duration::from_secs(1), async || {
            attempts += 1;
            if attempts == 1 {
                sleep(Duration::from_secs(10)).await;
                return Err("it took too long");
            }
            Ok(())
        });
        late.await;
    }
}
