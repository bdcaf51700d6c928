use std::time::Duration;

/// How long tests wait for an event that must happen. It is long because the machine may be busy, and a test waits that long only
/// when it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
