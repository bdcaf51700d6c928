use std::sync::Arc;
use std::time::Duration;

use handstamp_store::{BoxError, Lookup, SaveOutcome, WriteScope};

use super::change::make_all;
use super::guard::guarded;
use super::queue::Save;
use super::sealed::Sealed;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// Makes the changes of all `saves`, in order, on the newest record, and saves that. If a request on another node was
/// faster, makes them again on what that one saved, and tries again.
///
/// Each is answered. `newest` is the newest that is known of the session, before and after.
pub(super) async fn save_together<T: SessionData>(
    shared: &Arc<Shared<T>>,
    writes: WriteScope<'_>,
    newest: &mut Option<Arc<Snapshot<T>>>,
    mut saves: Vec<Save<T>>,
) {
    let Some(mut base) = base(newest.as_ref(), &saves) else { return };
    for attempt in 0.. {
        let sealed = match seal(shared, &base, &mut saves) {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return,
            // One of them is to blame, and no other shall suffer for it.
            Err(_) if saves.len() > 1 => {
                for save in saves {
                    Box::pin(save_together(shared, writes, newest, vec![save])).await;
                }
                return;
            }
            Err(error) => return answer(saves, &Err(error)),
        };
        let Sealed { record, entry, ttl } = sealed;
        match writes.save(&record, base.envelope.revision, ttl, entry.clone()).await {
            Ok(SaveOutcome::Saved) => {
                *newest = Some(entry.value.clone());
                return answer(saves, &Ok(entry.value));
            }
            Ok(SaveOutcome::Moved) => return answer(saves, &Err(SessionError::Moved)),
            Ok(SaveOutcome::Gone) => return answer(saves, &Err(SessionError::Gone)),
            Ok(SaveOutcome::Conflict) => match reload(shared, writes, &base, attempt).await {
                Ok(fresh) => {
                    *newest = Some(fresh.clone());
                    base = fresh;
                }
                Err(error) => return answer(saves, &Err(error)),
            },
            Err(error) => return answer(saves, &Err(error.into())),
        }
    }
}

/// The session as it is in the store now, for another attempt.
pub(super) async fn reload<T: SessionData>(
    shared: &Arc<Shared<T>>,
    writes: WriteScope<'_>,
    base: &Snapshot<T>,
    attempt: u32,
) -> Result<Arc<Snapshot<T>>, SessionError> {
    if attempt > 0 {
        tokio::time::sleep(pause_before(attempt)).await;
    }
    if writes.deadline_passed() {
        return Err(SessionError::Conflict);
    }
    present(writes.with_deadline(shared.load_fresh(&base.envelope.key)).await??)
}

/// The session that was found, or why there is none.
pub(super) fn present<T>(found: Lookup<Arc<Snapshot<T>>>) -> Result<Arc<Snapshot<T>>, SessionError> {
    match found {
        Lookup::Found(fresh) => Ok(fresh),
        Lookup::Absent | Lookup::Ended => Err(SessionError::Gone),
        Lookup::Moved => Err(SessionError::Moved),
        Lookup::Unreadable => {
            Err(SessionError::Undecodable(BoxError::from("it has become unreadable").into()))
        }
    }
}

/// What is most likely to be in the store. Whether it is, only that can tell.
fn base<T>(newest: Option<&Arc<Snapshot<T>>>, saves: &[Save<T>]) -> Option<Arc<Snapshot<T>>> {
    let origins = saves.iter().map(|save| &save.origin);
    if saves.is_empty() {
        return None;
    }
    newest.into_iter().chain(origins).max_by_key(|snapshot| snapshot.envelope.revision.counter()).cloned()
}

/// The record to save. Saves whose changes panic are answered, and taken off the list; `None` when none is left.
fn seal<T: SessionData>(
    shared: &Shared<T>,
    base: &Arc<Snapshot<T>>,
    saves: &mut Vec<Save<T>>,
) -> Result<Option<Sealed<T>>, SessionError> {
    base.check_writable()?;
    let Some(data) = merged(shared, base, saves) else { return Ok(None) };
    Sealed::new(shared, &base.next_envelope()?, &data).map(Some)
}

/// The data of the newest record with the changes of all saves.
fn merged<T: SessionData>(
    shared: &Shared<T>,
    base: &Arc<Snapshot<T>>,
    saves: &mut Vec<Save<T>>,
) -> Option<Arc<T>> {
    if let [save] = &saves[..]
        && save.origin.envelope.revision == base.envelope.revision
    {
        return Some(save.data.clone());
    }
    let overwrites = shared.last_writer_wins();
    while !saves.is_empty() {
        match all_changed(&*base.data, saves, overwrites) {
            Ok(data) => return Some(Arc::new(data)),
            Err((position, why)) => {
                let save = saves.remove(position);
                match why {
                    Misfit::No(error) => save.answer(Err(error)),
                    Misfit::LogsIn => save.answer_login(base.clone()),
                }
            }
        }
    }
    None
}

/// Why a save is not made together with others.
enum Misfit {
    No(SessionError),
    LogsIn,
}

/// The data after the changes of several saves, or only those of the last one if they overwrite each other.
///
/// # Errors
///
/// The position of the first one that cannot be made: it panics, it was made for another subject than that of the session now, or it is a login.
fn all_changed<T: SessionData>(data: &T, saves: &[Save<T>], overwrites: bool) -> Result<T, (usize, Misfit)> {
    let mut data = guarded(|| data.clone()).map_err(|error| (0, Misfit::No(error)))?;
    for (position, save) in saves.iter().enumerate() {
        let made = guarded(|| {
            // The request has seen the data of this subject, and its changes are not for the data of another.
            if save.origin.data.subject() != data.subject() {
                return Err(Misfit::No(SessionError::Gone));
            }
            if overwrites {
                // On the data of the same subject, this is no login either.
                return Ok(T::clone(&save.data));
            }
            let mut changed = data.clone();
            let subjects = make_all(&save.changes, &mut changed).map_err(Misfit::No)?;
            if subjects.log_in() { Err(Misfit::LogsIn) } else { Ok(changed) }
        });
        data = made.unwrap_or_else(|panicked| Err(Misfit::No(panicked))).map_err(|why| (position, why))?;
    }
    Ok(data)
}

fn answer<T>(saves: Vec<Save<T>>, saved: &Result<Arc<Snapshot<T>>, SessionError>) {
    for save in saves {
        save.answer(saved.clone());
    }
}

/// Those who met at one session should not meet there again: a random time, longer with every attempt.
fn pause_before(attempt: u32) -> Duration {
    let longest_micros = 250 << attempt.min(6);
    Duration::from_micros(u64::from(getrandom::u32().unwrap_or_default() % longest_micros))
}
