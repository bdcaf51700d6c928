use std::time::Duration;

/// Pauses between attempts to reach a server: 50 milliseconds at first, doubled each time up to 250 milliseconds, less a random part of up
/// to a half.
///
/// The limit is low, because an attempt costs the server little, and requests wait for it.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// A back-off with the shortest pause.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(LONGEST);
        // The jitter keeps nodes that lost the same server from reconnecting at the same time. Without a random number there is none.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        full / 2 + (full / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut backoff = Backoff::new();
        for full in [50, 100, 200, 250, 250] {
            let wait = backoff.next_wait();
            let full = Duration::from_millis(full);
            assert!(full / 2 <= wait && wait <= full, "{wait:?} of {full:?}");
        }
    }
}
