/// When the circuit of a server opens.
///
/// A threshold of 0 never opens it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// The number of calls in a row without a reply. Default: 5.
    pub failures_in_a_row: u32,
    /// The percentage of calls without a reply in the last ten seconds, of at least twenty calls. Default: 50.
    pub failure_percentage: u32,
}

impl BreakerSettings {
    /// The defaults.
    pub const DEFAULT: Self = Self { failures_in_a_row: 5, failure_percentage: 50 };

    /// With this [number of failures in a row](Self::failures_in_a_row).
    #[must_use]
    pub const fn with_failures_in_a_row(self, failures_in_a_row: u32) -> Self {
        Self { failures_in_a_row, ..self }
    }

    /// With this [percentage of failures](Self::failure_percentage).
    #[must_use]
    pub const fn with_failure_percentage(self, failure_percentage: u32) -> Self {
        Self { failure_percentage, ..self }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}
