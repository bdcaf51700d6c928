use std::sync::Arc;

use handstamp_core::protocol::group_commit::{Completion, GroupCommit, Saved, Step};
use handstamp_store::{SaveOutcome, WriteScope};

use super::super::change::make_all;
use super::super::encoded::EncodedRecord;
use super::super::guard::guarded;
use super::super::snapshot::Snapshot;
use super::reload::reload;
use super::waiting_save::Save;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// Makes the changes of all `saves`, in order, on the newest record, and saves the result. If a request on another node was
/// faster, makes them again on what that one saved, and tries again.
///
/// Completes all saves. `newest` is the newest record that is known, before and after.
pub(super) async fn commit_group<T: SessionData>(
    shared: &Arc<Shared<T>>,
    writes: WriteScope<'_>,
    newest: &mut Option<Arc<Snapshot<T>>>,
    saves: Vec<Save<T>>,
) {
    let Some(first) = saves.first() else { return };
    let mut base = first.origin.clone();
    let mut step = GroupCommit::begin(saves);
    loop {
        step = match step {
            Step::ChooseBase(group) => {
                base = choose_base(newest.as_ref(), group.saves()).unwrap_or(base);
                group.base_chosen()
            }
            Step::Save(group) => match encode(shared, &base, group.saves()) {
                Ok(encoded) => group.saved(save(writes, &base, newest, encoded).await),
                Err(NotEncoded::Failed(error)) => group.not_encoded(error),
                Err(NotEncoded::Rejected(position, reason)) => {
                    let (rejected, next) = group.rejected(position);
                    match reason {
                        Reason::Error(error) => rejected.complete(Err(error)),
                        Reason::LogsIn => rejected.complete_as_login(base.clone()),
                    }
                    next
                }
            },
            // Boxed, since conflicts are rare, and every save would contain the future.
            Step::Reload(group) => match Box::pin(reload(shared, writes, &base, group.attempt())).await {
                Ok(fresh) => {
                    *newest = Some(fresh.clone());
                    base = fresh;
                    group.reloaded(Ok(()))
                }
                Err(error) => group.reloaded(Err(error)),
            },
            Step::Complete(saves, completion, rest) => {
                let saved = match completion {
                    Completion::Saved => newest.clone().ok_or(SessionError::Aborted),
                    Completion::Failed(error) => Err(error),
                };
                for save in saves {
                    save.complete(saved.clone());
                }
                rest.next()
            }
            Step::Done => return,
        };
    }
}

/// The newest record that is known. Whether it is the one in the store, only the save shows.
fn choose_base<T>(newest: Option<&Arc<Snapshot<T>>>, saves: &[Save<T>]) -> Option<Arc<Snapshot<T>>> {
    let origins = saves.iter().map(|save| &save.origin);
    newest.into_iter().chain(origins).max_by_key(|snapshot| snapshot.metadata.revision.counter()).cloned()
}

async fn save<T: SessionData>(
    writes: WriteScope<'_>,
    base: &Snapshot<T>,
    newest: &mut Option<Arc<Snapshot<T>>>,
    EncodedRecord { record, entry, ttl }: EncodedRecord<T>,
) -> Saved<SessionError> {
    match writes.save(&record, base.metadata.revision, ttl, entry.clone()).await {
        Ok(SaveOutcome::Saved) => {
            *newest = Some(entry.value);
            Saved::Saved
        }
        Ok(SaveOutcome::Conflict) => Saved::Conflict,
        Ok(SaveOutcome::Moved) => Saved::Failed(SessionError::Moved),
        Ok(SaveOutcome::Gone) => Saved::Failed(SessionError::Gone),
        Err(error) => Saved::Failed(error.into()),
    }
}

/// Why there is no record to save.
enum NotEncoded {
    /// The changes of the save at this position cannot be made.
    Rejected(usize, Reason),
    /// The changes were made, but the result cannot be saved.
    Failed(SessionError),
}

/// Why the changes of a save cannot be made together with others.
enum Reason {
    Error(SessionError),
    /// They are a login.
    LogsIn,
}

/// The record to save in the place of `base`.
fn encode<T: SessionData>(
    shared: &Shared<T>,
    base: &Snapshot<T>,
    saves: &[Save<T>],
) -> Result<EncodedRecord<T>, NotEncoded> {
    base.check_writable()?;
    let data = match saves {
        // Its changes were made on this record already.
        [save] if save.origin.metadata.revision == base.metadata.revision => save.data.clone(),
        saves => Arc::new(all_changed(shared, &*base.data, saves)?),
    };
    Ok(EncodedRecord::replacing(base, shared, &data)?)
}

/// The data after the changes of all saves, or only that of the last one if saves overwrite each other.
///
/// # Errors
///
/// The first save whose changes cannot be made: they panic, they were made for another subject than that of the session now, or they are
/// a login.
fn all_changed<T: SessionData>(shared: &Shared<T>, data: &T, saves: &[Save<T>]) -> Result<T, NotEncoded> {
    let reject = |position| move |reason| NotEncoded::Rejected(position, reason);
    let mut data = guarded(|| data.clone()).map_err(Reason::Error).map_err(reject(0))?;
    for (position, save) in saves.iter().enumerate() {
        let changed = guarded(|| changed_by(shared, save, &data));
        data = changed.unwrap_or_else(|panicked| Err(Reason::Error(panicked))).map_err(reject(position))?;
    }
    Ok(data)
}

fn changed_by<T: SessionData>(shared: &Shared<T>, save: &Save<T>, data: &T) -> Result<T, Reason> {
    // The request has read the data of this subject, and its changes are not for the data of another one.
    if save.origin.data.subject() != data.subject() {
        return Err(Reason::Error(SessionError::Gone));
    }
    if shared.last_writer_wins() {
        // On the data of the same subject, this is no login either.
        return Ok(T::clone(&save.data));
    }
    let mut changed = data.clone();
    let subjects = make_all(shared.replays(), &save.changes, &mut changed).map_err(Reason::Error)?;
    if subjects.log_in() { Err(Reason::LogsIn) } else { Ok(changed) }
}

impl From<SessionError> for NotEncoded {
    fn from(error: SessionError) -> Self {
        Self::Failed(error)
    }
}
