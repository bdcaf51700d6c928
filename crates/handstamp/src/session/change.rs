use super::guard::guarded;
use crate::{SessionData, SessionError};

/// A change that a handler made.
pub(super) enum Change<T> {
    /// Kept so that it can be made again.
    Kept(Box<dyn Fn(&mut T) + Send>),
    /// Contained in the data, and cannot be made again, because its closure was dropped.
    Forgotten,
}

impl<T> Change<T> {
    pub(super) fn new(change: impl Fn(&mut T) + Send + 'static) -> Self {
        Self::Kept(Box::new(change))
    }

    /// Makes it on `data`.
    ///
    /// # Errors
    ///
    /// When it cannot be made again.
    pub(super) fn make(&self, data: &mut T) -> Result<(), SessionError> {
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
/// When one of them panics, or cannot be made again.
pub(super) fn changed<T: SessionData>(data: &T, changes: &[Change<T>]) -> Result<T, SessionError> {
    guarded(|| {
        let mut data = data.clone();
        changes.iter().try_for_each(|change| change.make(&mut data))?;
        Ok(data)
    })?
}
