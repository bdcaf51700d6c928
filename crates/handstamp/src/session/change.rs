use super::guard::guarded;
use crate::{SessionData, SessionError};

/// A change that a handler made, kept so that it can be made again.
pub(super) type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// `data` after all changes, in order.
///
/// # Errors
///
/// When one of them panics.
pub(super) fn changed<T: SessionData>(data: &T, changes: &[Change<T>]) -> Result<T, SessionError> {
    guarded(|| {
        let mut data = data.clone();
        changes.iter().for_each(|change| change(&mut data));
        data
    })
}
