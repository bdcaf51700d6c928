use std::panic::Location;

use crate::PATIENCE;
use crate::eventually::eventually_for;

/// Waits until `condition` holds. It is checked every few milliseconds at first, and less often later.
///
/// # Panics
///
/// When it does not hold within [`PATIENCE`]. The message contains `what`.
#[track_caller]
pub fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let attempt = async move || if condition().await { Ok(()) } else { Err(NotYet) };
    eventually_for(Location::caller(), what, PATIENCE, attempt)
}

#[derive(Debug)]
struct NotYet;
