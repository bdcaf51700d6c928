use std::borrow::Cow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, pending};
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use crate::RedisError;

/// Of what several servers say of the same thing, the latest: that of the highest epoch, which grows with every change
/// that they agree on. One that stands still is waited for only as long as no other has answered.
///
/// # Errors
///
/// When none says anything: what the last of them failed with.
pub(crate) async fn latest<T>(
    asked: impl Iterator<Item = impl Future<Output = Result<T, RedisError>>>,
    epoch: impl Fn(&T) -> u64,
) -> Result<T, RedisError> {
    let mut asked: FuturesUnordered<_> = asked.collect();
    let mut latest = Err(RedisError::Connection(Cow::Borrowed("there is nobody to ask")));
    let mut deadline = None;
    loop {
        let patience =
            deadline.map_or(Either::Left(pending()), |deadline| Either::Right(sleep_until(deadline)));
        let answer = tokio::select! {
            answer = asked.next() => answer,
            () = patience => None,
        };
        match (answer, &latest) {
            (None, _) => return latest,
            (Some(Ok(said)), Ok(latest)) if epoch(&said) <= epoch(latest) => {}
            (Some(Ok(said)), _) => {
                deadline.get_or_insert_with(|| Instant::now() + GRACE);
                latest = Ok(said);
            }
            (Some(Err(cause)), Err(_)) => latest = Err(cause),
            (Some(Err(_)), Ok(_)) => {}
        }
    }
}

/// How long to wait for what others say, once one has answered.
const GRACE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// Answers, each with the milliseconds that it takes.
    async fn of(answers: &[(u64, Result<u64, RedisError>)]) -> Result<u64, RedisError> {
        let asked = answers.iter().map(|(millis, answer)| async {
            sleep(Duration::from_millis(*millis)).await;
            answer.clone()
        });
        latest(asked, |epoch| *epoch).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_highest_epoch_counts_whichever_answer_comes_first() {
        assert_eq!(of(&[(1, Ok(7)), (2, Ok(9)), (3, Ok(8))]).await, Ok(9));
        assert_eq!(of(&[(1, Err(RedisError::Closed)), (2, Ok(1))]).await, Ok(1));
        assert_eq!(of(&[(1, Ok(1)), (2, Err(RedisError::Closed))]).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_still_is_waited_for_until_another_has_answered() {
        let begun = Instant::now();
        assert_eq!(of(&[(700, Ok(1)), (100_000, Ok(2))]).await, Ok(1));
        assert_eq!(begun.elapsed(), Duration::from_millis(700) + GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn if_none_answers_the_reason_is_told() {
        let busy = of(&[(1, Err(RedisError::Closed)), (2, Err(RedisError::Busy))]).await;
        assert_eq!(busy, Err(RedisError::Busy));
        assert!(matches!(of(&[]).await, Err(RedisError::Connection(_))));
    }
}
