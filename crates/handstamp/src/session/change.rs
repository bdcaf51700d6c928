use super::guard::guarded;
use super::replays::Replays;
use super::subject::Subjects;
use crate::{SessionData, SessionError};

/// A change that a handler made.
pub(super) enum Change<T> {
    /// Kept so that it can be made again.
    Kept(Box<dyn Fn(&mut T) + Send>),
    /// It is in the data, and cannot be made again, because its closure was dropped.
    Forgotten,
}

impl<T> Change<T> {
    pub(super) fn new(change: impl Fn(&mut T) + Send + 'static) -> Self {
        Self::Kept(Box::new(change))
    }

    /// # Errors
    ///
    /// When it cannot be made again.
    fn make(&self, data: &mut T) -> Result<(), SessionError> {
        match self {
            Self::Kept(change) => {
                change(data);
                Ok(())
            }
            Self::Forgotten => Err(SessionError::Aborted),
        }
    }
}

/// `data` after all changes, in order.
///
/// # Errors
///
/// When a change panics, and the errors of [`make_all`].
pub(super) fn changed<T: SessionData>(
    replays: &Replays,
    data: &T,
    changes: &[Change<T>],
) -> Result<T, SessionError> {
    guarded(|| {
        let mut data = data.clone();
        make_all(replays, changes, &mut data)?;
        Ok(data)
    })?
}

/// Makes all changes again, in order.
///
/// # Errors
///
/// When one of them cannot be made again, or replaces the subject by another one, which must not get its data. The change did not do so
/// when it was made first, or it would have been made on the default value.
pub(super) fn make_all<T: SessionData>(
    replays: &Replays,
    changes: &[Change<T>],
    data: &mut T,
) -> Result<Subjects, SessionError> {
    let _replay = replays.begin();
    let mut subjects = Subjects::before(data);
    for change in changes {
        change.make(data)?;
        if subjects.follow(data) {
            return Err(SessionError::Gone);
        }
    }
    Ok(subjects)
}
