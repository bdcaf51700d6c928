use std::time::Instant;

/// The start of a measurement.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
