use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::member::Member;
use super::slots::Slots;
use super::snapshot;
use super::state::State;
use crate::{Command, Fence, RedisError, Reply};

/// Checks with each fence of a subscription that the primary still owns its slots.
///
/// A primary publishes nothing about slots that it has lost. So the fence is `CLUSTER SLOTS`, on the subscription's own
/// connection.
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
    pub(crate) fn command() -> Command {
        Command::probe("CLUSTER").arg("SLOTS")
    }

    /// Compares the slots in the reply with those of the last fence.
    pub(crate) fn compare(&self, reply: &Reply) -> Result<Fence, RedisError> {
        let primaries = snapshot::primaries(reply, &self.member.host)?;
        if let Some(state) = self.state.upgrade()
            && !state.agrees_with(&primaries)
        {
            state.request_refresh();
        }
        let own = primaries.into_iter().find(|primary| primary.id == self.member.id);
        // It was demoted, or has lost all its slots.
        let now = own.ok_or(RedisError::NotPrimary)?.slots;
        let mut before = self.before.lock();
        let complete = before.is_subset(&now);
        *before = now;
        Ok(if complete { Fence::Complete } else { Fence::SlotsLost })
    }
}
