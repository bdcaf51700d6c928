use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::RedisError;

/// Has those who wait for the same thing wait together: one asks for all who came before it asked.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    came: AtomicU64,
    last: Mutex<Round>,
}

/// What was answered to all who had come by then.
#[derive(Debug, Default)]
struct Round {
    came: u64,
    answer: Option<Result<i64, RedisError>>,
}

impl Rounds {
    /// The answer to `ask`, asked by this caller or by another after this one came.
    ///
    /// # Cancel safety
    ///
    /// Safe: whoever comes next asks anew.
    pub(super) async fn join<F>(&self, ask: impl FnOnce() -> F) -> Result<i64, RedisError>
    where
        F: Future<Output = Result<i64, RedisError>>,
    {
        let mine = self.came.fetch_add(1, Ordering::AcqRel) + 1;
        let mut last = self.last.lock().await;
        if last.came >= mine
            && let Some(answer) = &last.answer
        {
            return answer.clone();
        }
        let came = self.came.load(Ordering::Acquire);
        let answer = ask().await;
        *last = Round { came, answer: Some(answer.clone()) };
        answer
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn many_wait_for_two_answers_at_most() {
        let rounds = Rounds::default();
        let asked = AtomicU64::new(0);
        let ask = || async {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            Ok(i64::try_from(number).unwrap())
        };
        let answers = join_all((0..100).map(|_| rounds.join(ask))).await;
        assert_eq!(answers[0], Ok(0));
        assert!(
            answers[1..].iter().all(|answer| *answer == Ok(1)),
            "they came while the first was under way"
        );
        assert_eq!(rounds.join(ask).await, Ok(2), "nobody is given an answer from before");
    }
}
