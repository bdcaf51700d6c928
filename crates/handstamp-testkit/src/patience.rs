use std::time::Duration;

/// How long tests wait for what must happen. It costs nothing where it does, and the machine may be busy with other
/// things.
pub const PATIENCE: Duration = Duration::from_secs(60);
