use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;

use handstamp_core::id::Namespace;
use handstamp_store::{BusError, BusEvent, FenceOutcome, Subscription};

use crate::RedisError;
use crate::canary::Canary;
use crate::cluster::SlotFence;
use crate::driver::{Listener, Received};
use crate::name;
use crate::server::Replaced;

/// A listener on a [`RedisBus`](crate::RedisBus). It lasts as long as its connection, and as long as commands go to the
/// server that it listens to. When the connection for commands is replaced by one that leads to another server, or is not
/// known to lead to the same, every method reports an error before the first command goes there.
pub struct RedisSubscription {
    listener: Listener,
    replaced: Replaced,
    slots: Option<SlotFence>,
    canary: Option<Canary>,
    namespace: Namespace,
    /// What came in together with what was taken last.
    heard: VecDeque<BusEvent>,
}

impl RedisSubscription {
    pub(crate) const fn new(
        listener: Listener,
        replaced: Replaced,
        slots: Option<SlotFence>,
        canary: Option<Canary>,
        namespace: Namespace,
    ) -> Self {
        Self { listener, replaced, slots, canary, namespace, heard: VecDeque::new() }
    }

    fn take_in(&mut self, received: Received) {
        match received {
            Received::Message(message) => self.heard.push_back(BusEvent::Message(message)),
            Received::Changed(names) => {
                let keys = names.iter().filter_map(|name| name::key(&self.namespace, name));
                self.heard.extend(keys.map(BusEvent::KeyChanged));
            }
        }
    }
}

impl Subscription for RedisSubscription {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        loop {
            if self.replaced.has_happened() {
                return Err(replaced());
            }
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            let received = tokio::select! {
                biased;
                // First: messages may never cease.
                () = self.replaced.happened() => return Err(replaced()),
                received = self.listener.next() => received?,
            };
            self.take_in(received);
        }
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        loop {
            if self.replaced.has_happened() {
                return Some(Err(replaced()));
            }
            if let Some(heard) = self.heard.pop_front() {
                return Some(Ok(heard));
            }
            match self.listener.try_next()? {
                Ok(received) => self.take_in(received),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }

    /// A round trip on the subscription's own connection: a `PING`, or in a cluster the question which slots the primary
    /// has. It takes as long as the server does: the caller sets a limit.
    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let heard: Pin<Box<dyn Future<Output = Result<FenceOutcome, RedisError>> + Send>> =
            match self.slots.clone() {
                None => {
                    let answered = self.listener.fence();
                    Box::pin(async move { answered.await.map(|()| FenceOutcome::Complete) })
                }
                Some(slots) => {
                    let reply = self.listener.fence_by(SlotFence::request());
                    Box::pin(async move {
                        match reply.await {
                            Err(RedisError::Refused(refusal)) if refusal.is_about_a_script() => {
                                Ok(FenceOutcome::Pending)
                            }
                            reply => slots.proof(&reply?),
                        }
                    })
                }
            };
        let canary = self.canary.clone();
        let mut elsewhere = self.replaced.clone();
        let proof = async move {
            let Some(canary) = canary else { return heard.await };
            Ok(match tokio::try_join!(heard, canary.look())? {
                // Both say so once.
                (FenceOutcome::OwnershipLost, _) | (_, FenceOutcome::OwnershipLost) => {
                    FenceOutcome::OwnershipLost
                }
                (FenceOutcome::Pending, _) | (_, FenceOutcome::Pending) => FenceOutcome::Pending,
                (FenceOutcome::Complete, FenceOutcome::Complete) => FenceOutcome::Complete,
            })
        };
        async move {
            tokio::select! {
                biased;
                () = elsewhere.happened() => Err(replaced()),
                proof = proof => Ok(proof?),
            }
        }
    }
}

fn replaced() -> BusError {
    RedisError::DifferentServer.into()
}

impl fmt::Debug for RedisSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSubscription").finish_non_exhaustive()
    }
}
