//! Lets the requests of a node that write to the same session take turns: carries out the steps of
//! [`handstamp_core::protocol::group_commit`].
//!
//! A hundred requests that change one session at once take a few saves and not a hundred, and do not conflict with each other.
//!
//! | File | Content |
//! |---|---|
//! | `mod.rs` | the queues, and their leaders |
//! | `waiting_save.rs` | the save of one request |
//! | `group.rs` | a group of saves on its way to the store; makes changes again after a conflict |
//! | `reload.rs` | the record in the store after a conflict |

mod group;
mod reload;
mod waiting_save;

use std::collections::HashMap;
use std::sync::Arc;

use handstamp_core::cache::BuildHash64;
use handstamp_core::id::SessionKey;
use handstamp_core::protocol::group_commit::{Queue, Queued, Round, Turn};
use handstamp_store::WriteScope;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::group::commit_group;
pub(super) use self::reload::{present, reload};
use self::waiting_save::Save;
pub(super) use self::waiting_save::{NotSaved, Saved};
use super::change::Change;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The requests of a node that want to write, by session. A session has a queue as long as it has a leader.
pub(crate) struct Queues<T>(Mutex<HashMap<SessionKey, Queue<Save<T>, TurnSender>, BuildHash64>>);

type TurnSender = oneshot::Sender<ExclusiveTurn>;

/// No other request on this node writes to the session before this is dropped.
pub(super) struct ExclusiveTurn {
    _over: oneshot::Sender<()>,
}

impl<T: SessionData> Queues<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Saves, together with the other requests in the queue. Returns the session as it is in the store then.
    pub(super) async fn save(
        shared: &Arc<Shared<T>>,
        writes: WriteScope<'_>,
        origin: Arc<Snapshot<T>>,
        data: Arc<T>,
        changes: Vec<Change<T>>,
    ) -> Saved<T> {
        let key = origin.metadata.key;
        let (save, mut saved) = Save::new(origin, data, changes);
        if let Some((mut leader, round)) = Leader::join(shared, key, Queued::Save(save)) {
            leader.serve(writes, round).await;
            leader.hand_over();
            if let Ok(saved) = saved.try_recv() {
                return saved;
            }
        }
        let saved = writes.with_deadline(saved).await.map_err(SessionError::from)?;
        saved.unwrap_or(Err(SessionError::Aborted.into()))
    }

    /// Waits until no other request on this node writes to the session.
    pub(super) async fn exclusive_turn(
        shared: &Arc<Shared<T>>,
        writes: WriteScope<'_>,
        key: SessionKey,
    ) -> Result<ExclusiveTurn, SessionError> {
        let (sender, turn) = oneshot::channel();
        if let Some((leader, round)) = Leader::join(shared, key, Queued::Exclusive(sender)) {
            leader.spawn(round);
        }
        writes.with_deadline(turn).await?.map_err(|_| SessionError::Aborted)
    }
}

/// Serves the requests in a queue. If it is dropped before the queue is empty, they fail with [`SessionError::Aborted`].
struct Leader<T: SessionData> {
    shared: Arc<Shared<T>>,
    key: SessionKey,
    /// The newest record that is known.
    newest: Option<Arc<Snapshot<T>>>,
    leads: bool,
}

type RoundOf<T> = Round<Save<T>, TurnSender>;

impl<T: SessionData> Leader<T> {
    /// Returns the leader and its first round if there was none.
    fn join(
        shared: &Arc<Shared<T>>,
        key: SessionKey,
        request: Queued<Save<T>, TurnSender>,
    ) -> Option<(Self, RoundOf<T>)> {
        let round = shared.queues().0.lock().entry(key).or_default().join(request)?;
        Some((Self { shared: shared.clone(), key, newest: None, leads: true }, round))
    }

    async fn serve(&mut self, writes: WriteScope<'_>, mut round: RoundOf<T>) {
        while let Some(turn) = round.next_turn(Save::is_abandoned) {
            match turn {
                Turn::Group(saves) => commit_group(&self.shared, writes, &mut self.newest, saves).await,
                Turn::Exclusive(sender) => {
                    let (turn, over) = oneshot::channel();
                    if sender.send(ExclusiveTurn { _over: turn }).is_ok() {
                        let _ = over.await;
                        self.newest = None;
                    }
                }
            }
        }
    }

    /// Leaves the requests that have joined meanwhile to another task, so that the request of this leader need not wait for them.
    fn hand_over(mut self) {
        if let Some(round) = self.next_round() {
            self.spawn(round);
        }
    }

    fn spawn(mut self, mut round: RoundOf<T>) {
        let shared = self.shared.clone();
        drop(shared.clone().spawn(async move {
            loop {
                self.serve(shared.store().writes(), round).await;
                match self.next_round() {
                    Some(next) => round = next,
                    None => return,
                }
            }
        }));
    }

    fn next_round(&mut self) -> Option<RoundOf<T>> {
        let mut queues = self.shared.queues().0.lock();
        let round = queues.get_mut(&self.key).and_then(Queue::next_round);
        if round.is_none() {
            queues.remove(&self.key);
            self.leads = false;
        }
        round
    }
}

impl<T: SessionData> Drop for Leader<T> {
    fn drop(&mut self) {
        if self.leads {
            let queue = self.shared.queues().0.lock().remove(&self.key);
            // Not locked any more: a `Drop` of the application may use a session.
            drop(queue.map(Queue::abort));
        }
    }
}
