use std::sync::Arc;
use std::time::Duration;

use handstamp_core::protocol::renewal::{self, FollowUp, Outcome};
use handstamp_core::record::Revision;
use handstamp_store::{Backoff, SaveOutcome};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::group_commit::reload;
use super::super::snapshot::Snapshot;
use super::Renewal;
use crate::SessionData;
use crate::layer::Shared;

impl<T: SessionData> Renewal<T> {
    /// Continues until the store replies whether the old record was replaced. No request waits for it, and the browser has the new id:
    /// only the end of the session under the old id ends it under the new one.
    pub(super) fn finish_in_background(mut self, mut renewal: renewal::Renewal<Revision>) {
        let shared = self.shared.clone();
        drop(shared.clone().spawn(async move {
            let deadline = self.begun + RETRY_LIMIT;
            let mut backoff = Backoff::new();
            loop {
                // At least one retry, even if this node is about to be shut down.
                let is_last = shared.is_draining();
                sleep(backoff.next_wait()).await;
                if Instant::now() >= deadline {
                    break;
                }
                match timeout_at(deadline, self.drive(shared.store().writes(), renewal.retry())).await {
                    Ok(Outcome::Unknown(unknown, _)) if !is_last => renewal = unknown,
                    Ok(Outcome::Unknown(..)) | Err(_) => break,
                    Ok(Outcome::Renewed(follow_up)) => return self.follow_up(follow_up),
                    Ok(Outcome::NotRenewed(_) | Outcome::NewRecordLost | Outcome::GivenUp) => return,
                }
            }
            let give_up = renewal::Renewal::<Revision>::give_up();
            let _ = self.drive(shared.store().writes(), give_up).await;
        }));
    }

    /// Does what the session does not depend on.
    pub(super) fn follow_up(&self, follow_up: FollowUp) {
        if follow_up == FollowUp::Nothing {
            return;
        }
        if follow_up == FollowUp::ConfirmTombstone {
            self.renewed.predecessor_replaced();
        }
        let (shared, tombstone, renewed) = (self.shared.clone(), self.tombstone, self.renewed.clone());
        drop(self.shared.spawn(async move {
            if follow_up == FollowUp::ConfirmTombstone {
                // If this fails, the tombstone lasts as long as the session.
                let _ = shared.store().writes().confirm_tombstone(&tombstone).await;
            }
            forget_predecessor(&shared, renewed).await;
        }));
    }
}

/// If this fails, the record names its predecessor until the session gets its next id, and a logout deletes one record more.
async fn forget_predecessor<T: SessionData>(shared: &Arc<Shared<T>>, mut renewed: Arc<Snapshot<T>>) {
    let predecessor = renewed.metadata.predecessor.as_deref().copied();
    for attempt in 0..MAX_REWRITES {
        renewed.predecessor_replaced();
        let writes = shared.store().writes();
        let Ok(SaveOutcome::Conflict) = renewed.rewrite(shared, writes).await else { return };
        match reload(shared, writes, &renewed, attempt).await {
            Ok(newer) if newer.predecessor() == predecessor => renewed = newer,
            _ => return,
        }
    }
}

/// Shorter than the life of any tombstone in the place of the old record: another request may have moved the session meanwhile, and
/// without its tombstone, that would look like a logout.
const RETRY_LIMIT: Duration = Duration::from_secs(20);

const MAX_REWRITES: u32 = 3;
