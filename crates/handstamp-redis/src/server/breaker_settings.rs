/// When the circuit of a server opens.
///
/// A threshold of 0 stands for never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BreakerSettings {
    /// After how many calls in a row that got no answer. Default: 5.
    pub failures_in_a_row: u32,
    /// When that many of a hundred calls of the last ten seconds got no answer, as soon as there were twenty.
    /// Default: 50.
    pub failure_percentage: u32,
}

impl BreakerSettings {
    /// The defaults.
    pub const DEFAULT: Self = Self { failures_in_a_row: 5, failure_percentage: 50 };
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}
