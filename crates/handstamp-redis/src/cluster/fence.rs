use std::sync::{Arc, Weak};

use handstamp_store::FenceOutcome;
use parking_lot::Mutex;

use super::member::Member;
use super::slots::Slots;
use super::state::State;
use super::view;
use crate::RedisError;
use crate::driver::{Reply, Request};

/// What the fences of a subscription to a primary prove beside that messages have arrived: which slots it has.
///
/// What a primary tells says nothing of slots that it does not have any more. So the fence asks for those, on the
/// subscription's own connection.
#[derive(Clone, Debug)]
pub(crate) struct SlotFence {
    state: Weak<State>,
    member: Arc<Member>,
    before: Arc<Mutex<Slots>>,
}

impl SlotFence {
    pub(super) fn new(state: &Arc<State>, member: &Arc<Member>) -> Self {
        Self {
            state: Arc::downgrade(state),
            member: member.clone(),
            before: Arc::new(Mutex::new(Slots::new())),
        }
    }

    /// The command that is the fence.
    pub(crate) fn request() -> Request {
        Request::new("CLUSTER").arg("SLOTS")
    }

    /// What its answer proves.
    pub(crate) fn proof(&self, reply: &Reply) -> Result<FenceOutcome, RedisError> {
        let seen = view::primaries(reply, &self.member.host)?;
        if let Some(state) = self.state.upgrade()
            && !state.agrees_with(&seen)
        {
            state.request_refresh();
        }
        let now = seen.into_iter().find(|seen| seen.id == self.member.id);
        // It was demoted, or all its slots have moved away.
        let now = now.ok_or(RedisError::NotPrimary)?.slots;
        let mut before = self.before.lock();
        let complete = before.is_subset(&now);
        *before = now;
        Ok(if complete { FenceOutcome::Complete } else { FenceOutcome::OwnershipLost })
    }
}
