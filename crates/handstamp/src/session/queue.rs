use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use handstamp_core::id::SessionKey;
use handstamp_store::WriteScope;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::change::Change;
use super::snapshot::Snapshot;
use super::together::save_together;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// Those on this node who want to write to the same session, by session. They take turns, and those who wait for theirs
/// go together: a hundred requests that change one session at once take a few saves and not a hundred, and never get
/// into each other's way.
///
/// There is a queue for a session as long as somebody is at its head.
pub(crate) struct Queues<T>(Mutex<HashMap<SessionKey, Vec<Waiting<T>>>>);

enum Waiting<T> {
    Save(Save<T>),
    /// Somebody who writes more than the record wants nobody else to write meanwhile.
    Turn(oneshot::Sender<Turn>),
}

/// Nobody else on this node writes to the session before this is dropped.
pub(super) struct Turn {
    _over: oneshot::Sender<()>,
}

/// One request's save.
pub(super) struct Save<T> {
    pub(super) origin: Arc<Snapshot<T>>,
    /// The origin's data with all changes applied.
    pub(super) data: Arc<T>,
    pub(super) changes: Vec<Change<T>>,
    answer: oneshot::Sender<Saved<T>>,
}

/// What became of a save: the session as it is in the store then.
pub(super) type Saved<T> = Result<Arc<Snapshot<T>>, NotSaved<T>>;

/// Why a save was not done.
pub(super) enum NotSaved<T> {
    No(SessionError),
    /// On the session as it is now in the store, these changes are a login, which has to renew it.
    LogsIn(Arc<Snapshot<T>>, Vec<Change<T>>),
}

impl<T: SessionData> Queues<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Saves, together with whoever waits for the same, and says what is then in the store.
    pub(super) async fn save(
        shared: &Arc<Shared<T>>,
        writes: WriteScope<'_>,
        origin: Arc<Snapshot<T>>,
        data: Arc<T>,
        changes: Vec<Change<T>>,
    ) -> Saved<T> {
        let key = origin.envelope.key;
        let (answer, answered) = oneshot::channel();
        let save = Save { origin, data, changes, answer };
        if let Some((mut head, first)) = Head::join(shared, key, Waiting::Save(save)) {
            head.serve(writes, vec![first]).await;
            head.pass_on();
        }
        writes
            .with_deadline(answered)
            .await
            .map_err(SessionError::from)?
            .unwrap_or(Err(SessionError::Aborted.into()))
    }

    /// Waits until nobody else on this node writes to the session.
    pub(super) async fn turn(
        shared: &Arc<Shared<T>>,
        writes: WriteScope<'_>,
        key: SessionKey,
    ) -> Result<Turn, SessionError> {
        let (sender, receiver) = oneshot::channel();
        if let Some((head, first)) = Head::join(shared, key, Waiting::Turn(sender)) {
            head.spawn(vec![first]);
        }
        writes.with_deadline(receiver).await?.map_err(|_| SessionError::Aborted)
    }
}

/// Whoever is at the head of a queue. Should it die, those who wait are told.
struct Head<T: SessionData> {
    shared: Arc<Shared<T>>,
    key: SessionKey,
    /// The newest that is known of the session.
    newest: Option<Arc<Snapshot<T>>>,
    open: bool,
}

impl<T: SessionData> Head<T> {
    /// Gives `waiting` back if there is no queue: then there is one from now on, and the caller is at its head.
    fn join(shared: &Arc<Shared<T>>, key: SessionKey, waiting: Waiting<T>) -> Option<(Self, Waiting<T>)> {
        match shared.queues().0.lock().entry(key) {
            Entry::Vacant(queue) => {
                queue.insert(Vec::new());
                Some((Self { shared: shared.clone(), key, newest: None, open: true }, waiting))
            }
            Entry::Occupied(mut queue) => {
                queue.get_mut().push(waiting);
                None
            }
        }
    }

    /// Serves all of them, in order; those who save one after the other, at once.
    async fn serve(&mut self, writes: WriteScope<'_>, waiting: Vec<Waiting<T>>) {
        let mut saves = Vec::new();
        for waiting in waiting {
            match waiting {
                // Who waited in vain is gone.
                Waiting::Save(save) if save.answer.is_closed() => {}
                Waiting::Save(save) => saves.push(save),
                Waiting::Turn(sender) => {
                    let saves = std::mem::take(&mut saves);
                    save_together(&self.shared, writes, &mut self.newest, saves).await;
                    let (turn, over) = oneshot::channel();
                    if sender.send(Turn { _over: turn }).is_ok() {
                        let _ = over.await;
                        self.newest = None;
                    }
                }
            }
        }
        save_together(&self.shared, writes, &mut self.newest, saves).await;
    }

    /// Leaves those who have come meanwhile to another task: whoever was at the head has waited long enough.
    fn pass_on(mut self) {
        if let Some(waiting) = self.next() {
            self.spawn(waiting);
        }
    }

    fn spawn(mut self, mut waiting: Vec<Waiting<T>>) {
        let shared = self.shared.clone();
        drop(shared.clone().spawn(async move {
            loop {
                self.serve(shared.store().writes(), waiting).await;
                match self.next() {
                    Some(next) => waiting = next,
                    None => return,
                }
            }
        }));
    }

    /// Those who wait now. If there are none, there is no queue any more.
    fn next(&mut self) -> Option<Vec<Waiting<T>>> {
        let mut queues = self.shared.queues().0.lock();
        let waiting = queues.get_mut(&self.key).map(std::mem::take).filter(|waiting| !waiting.is_empty());
        if waiting.is_none() {
            queues.remove(&self.key);
            self.open = false;
        }
        waiting
    }
}

impl<T: SessionData> Drop for Head<T> {
    fn drop(&mut self) {
        if self.open {
            let abandoned = self.shared.queues().0.lock().remove(&self.key);
            drop(abandoned);
        }
    }
}

impl<T> Save<T> {
    pub(super) fn answer(self, saved: Result<Arc<Snapshot<T>>, SessionError>) {
        // Whoever does not wait any more has been told that the outcome is unknown.
        let _ = self.answer.send(saved.map_err(NotSaved::No));
    }

    /// The changes are a login on `fresh`.
    pub(super) fn answer_login(self, fresh: Arc<Snapshot<T>>) {
        let _ = self.answer.send(Err(NotSaved::LogsIn(fresh, self.changes)));
    }
}

impl<T> From<SessionError> for NotSaved<T> {
    fn from(error: SessionError) -> Self {
        Self::No(error)
    }
}
