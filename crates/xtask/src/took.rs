use std::fmt;
use std::time::Duration;

/// A duration, shown in minutes and seconds.
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_minutes_and_seconds() {
        assert_eq!(Took(Duration::from_millis(500)).to_string(), "0 min 0 s");
        assert_eq!(Took(Duration::from_secs(754)).to_string(), "12 min 34 s");
    }
}
