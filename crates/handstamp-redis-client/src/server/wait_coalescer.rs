use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::RedisError;

/// Lets concurrent callers share one query: each query covers all callers that arrived before it was sent.
#[derive(Debug, Default)]
pub(super) struct WaitCoalescer {
    arrived: AtomicU64,
    last: Mutex<Round>,
}

/// The reply for all callers that had arrived by then.
#[derive(Debug, Default)]
struct Round {
    covers: u64,
    reply: Option<Result<i64, RedisError>>,
}

impl WaitCoalescer {
    /// The reply to `query`, sent by this caller or by another after this one arrived.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the next caller queries again.
    pub(super) async fn join<F>(&self, query: impl FnOnce() -> F) -> Result<i64, RedisError>
    where
        F: Future<Output = Result<i64, RedisError>>,
    {
        let mine = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let mut last = self.last.lock().await;
        if last.covers >= mine
            && let Some(reply) = &last.reply
        {
            return reply.clone();
        }
        let covers = self.arrived.load(Ordering::Acquire);
        let reply = query().await;
        *last = Round { covers, reply: Some(reply.clone()) };
        reply
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn many_callers_share_two_queries_at_most() {
        let coalescer = WaitCoalescer::default();
        let queries = AtomicU64::new(0);
        let query = || async {
            let number = queries.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            Ok(i64::try_from(number).unwrap())
        };
        let replies = join_all((0..100).map(|_| coalescer.join(query))).await;
        assert_eq!(replies[0], Ok(0));
        assert!(
            replies[1..].iter().all(|reply| *reply == Ok(1)),
            "they arrived while the first was in flight"
        );
        assert_eq!(coalescer.join(query).await, Ok(2), "no caller gets a reply from before it arrived");
    }
}
