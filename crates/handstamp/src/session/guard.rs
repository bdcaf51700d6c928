use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::SessionError;

/// What `work`, which calls code of the application, returns.
///
/// # Errors
///
/// When it panics. Nothing that it had in its hands may be used after that.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, SessionError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| SessionError::Aborted)
}
