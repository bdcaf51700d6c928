use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// What `attempt` returns once it succeeds. It is called every few milliseconds.
///
/// ```
/// # use std::time::Duration;
/// # use handstamp_testkit::eventually;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut count = 0;
/// let found = eventually("the count reaches three", Duration::from_secs(5), async || {
///     count += 1;
///     if count < 3 { Err(format!("it is {count}")) } else { Ok(count) }
/// });
/// assert_eq!(found.await, 3);
/// # });
/// ```
///
/// # Panics
///
/// When that has not happened within `limit`, with `what` was waited for and the last error.
#[track_caller]
pub fn eventually<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let deadline = Instant::now() + limit;
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(last) if Instant::now() >= deadline => {
                    panic!("{caller}: waited {limit:?} in vain: {what}; the last attempt: {last:?}")
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "in vain: the impossible; the last attempt: \"no\"")]
    async fn what_never_happens_is_named() {
        eventually("the impossible", Duration::from_millis(10), async || Err::<(), _>("no")).await;
    }
}
