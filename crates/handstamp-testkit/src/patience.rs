use std::time::Duration;

/// How long tests wait for an event that must happen. A long wait costs nothing when the event happens, and the machine
/// may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);
