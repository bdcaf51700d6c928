use std::time::Instant;

/// Until when a cached value may be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiry {
    /// Until then it may be served without querying the store.
    pub fresh_until: Instant,
    /// When the session itself ends, as far as this node knows: until then it may be served while the store is unreachable.
    pub session_ends: Instant,
}
