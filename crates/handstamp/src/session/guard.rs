use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::SessionError;

/// Runs `work`, which calls code of the application.
///
/// # Errors
///
/// When it panics. The values that it has borrowed must not be used after that.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, SessionError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| SessionError::Aborted)
}
