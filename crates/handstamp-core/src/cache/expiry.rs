use std::time::Instant;

/// For how long a value may be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiry {
    /// Until when without asking the store again.
    pub fresh_until: Instant,
    /// When the session itself ends, as far as is known: until then it may be served if the store cannot be asked.
    pub session_ends: Instant,
}
