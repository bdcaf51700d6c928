use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::SessionRejection;

/// Logs that no layer provides sessions of this type, though not for every request: the first time, the second, the
/// fourth, the eighth and so on.
pub(super) fn report(missing: &SessionRejection, data: &'static str) {
    if let Some(times) = MISSES.count(data) {
        tracing::error!(times, "{missing}");
    }
}

/// How often each type was missed. There is no layer that could keep this.
static MISSES: Misses = Misses(Mutex::new(BTreeMap::new()));

struct Misses(Mutex<BTreeMap<&'static str, u64>>);

impl Misses {
    /// Counts one more. Returns how often it was, when that is worth a line in the log.
    fn count(&self, data: &'static str) -> Option<u64> {
        let mut misses = self.0.lock();
        let times = misses.entry(data).or_default();
        *times += 1;
        times.is_power_of_two().then_some(*times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F18: every request was a line in the log.
    #[test]
    fn f18_a_flood_of_requests_is_a_few_lines() {
        let misses = Misses(Mutex::default());
        assert_eq!(misses.count("Cart"), Some(1));
        let logged: Vec<_> = (0..1_000).filter_map(|_| misses.count("User")).collect();
        assert_eq!(logged, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!(misses.count("Cart"), Some(2), "another type counts for itself");
    }
}
