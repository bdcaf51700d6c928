use std::borrow::Cow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, pending};
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use crate::RedisError;

/// Queries several servers for the same thing, and returns the reply of the highest epoch, which grows with every change that
/// they agree on. A server that stalls is waited for only until another has replied, and 50 milliseconds.
///
/// # Errors
///
/// When all fail: the error of the last one.
pub(crate) async fn highest_epoch<T>(
    queries: impl Iterator<Item = impl Future<Output = Result<T, RedisError>>>,
    epoch: impl Fn(&T) -> u64,
) -> Result<T, RedisError> {
    let mut queries: FuturesUnordered<_> = queries.collect();
    let mut highest = Err(RedisError::Connection(Cow::Borrowed("no server is known")));
    let mut deadline = None;
    loop {
        let late = deadline.map_or(Either::Left(pending()), |deadline| Either::Right(sleep_until(deadline)));
        let reply = tokio::select! {
            reply = queries.next() => reply,
            () = late => None,
        };
        match (reply, &highest) {
            (None, _) => return highest,
            (Some(Ok(reply)), Ok(highest)) if epoch(&reply) <= epoch(highest) => {}
            (Some(Ok(reply)), _) => {
                deadline.get_or_insert_with(|| Instant::now() + GRACE);
                highest = Ok(reply);
            }
            (Some(Err(cause)), Err(_)) => highest = Err(cause),
            (Some(Err(_)), Ok(_)) => {}
        }
    }
}

/// How long to wait for the other replies after the first one.
const GRACE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// Replies, each with the milliseconds that it takes.
    async fn of(replies: &[(u64, Result<u64, RedisError>)]) -> Result<u64, RedisError> {
        let queries = replies.iter().map(|(millis, reply)| async {
            sleep(Duration::from_millis(*millis)).await;
            reply.clone()
        });
        highest_epoch(queries, |epoch| *epoch).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_highest_epoch_counts_whichever_reply_comes_first() {
        assert_eq!(of(&[(1, Ok(7)), (2, Ok(9)), (3, Ok(8))]).await, Ok(9));
        assert_eq!(of(&[(1, Err(RedisError::Closed)), (2, Ok(1))]).await, Ok(1));
        assert_eq!(of(&[(1, Ok(1)), (2, Err(RedisError::Closed))]).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_server_is_waited_for_until_another_has_replied() {
        let begun = Instant::now();
        assert_eq!(of(&[(700, Ok(1)), (100_000, Ok(2))]).await, Ok(1));
        assert_eq!(begun.elapsed(), Duration::from_millis(700) + GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_reply_the_cause_is_reported() {
        let busy = of(&[(1, Err(RedisError::Closed)), (2, Err(RedisError::Busy))]).await;
        assert_eq!(busy, Err(RedisError::Busy));
        assert!(matches!(of(&[]).await, Err(RedisError::Connection(_))));
    }
}
