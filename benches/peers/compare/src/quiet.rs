use std::time::Duration;

use serde::{Deserialize, Serialize};
use subjects::Error;
use tokio::time::sleep;

use crate::cpu::CpuUse;
use crate::statistics::{highest, median};

/// Waits for a quiet machine, and remembers how quiet it was. All parts of one run share the patience.
#[derive(Debug)]
pub(crate) struct Quiet {
    patience: Duration,
    waited: Duration,
    foreign_cpu: Vec<f64>,
}

/// How quiet the machine was during a part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Quietness {
    /// How long the part has waited for a quiet machine.
    pub(crate) waited_seconds: f64,
    /// The share of the CPU time that other programs used while something was measured, from 0 to 1: the median of all
    /// measurements, and the highest.
    pub(crate) foreign_cpu: f64,
    pub(crate) foreign_cpu_at_most: f64,
}

impl Quietness {
    /// Whether other programs used so little that times can be relied on.
    pub(crate) fn is_quiet(&self) -> bool {
        self.foreign_cpu <= QUIET
    }
}

impl Quiet {
    pub(crate) const fn new(patience: Duration) -> Self {
        Self { patience, waited: Duration::ZERO, foreign_cpu: Vec::new() }
    }

    /// Waits until other programs use less than a tenth of the CPU time, or patience is at an end. Then a measurement begins.
    pub(crate) async fn wait(&mut self) -> Result<CpuUse, Error> {
        loop {
            let before = CpuUse::until_now()?;
            if self.patience.is_zero() {
                return Ok(before);
            }
            sleep(SAMPLE).await;
            if before.foreign_share()? < QUIET {
                return CpuUse::until_now();
            }
            self.patience = self.patience.saturating_sub(SAMPLE);
            self.waited += SAMPLE;
        }
    }

    /// Returns, and remembers, the share that other programs had of the CPU time of a measurement.
    pub(crate) fn ended(&mut self, measured: &CpuUse) -> Result<f64, Error> {
        let share = measured.foreign_share()?;
        self.foreign_cpu.push(share);
        Ok(share)
    }

    /// The end of a part.
    pub(crate) fn take(&mut self) -> Quietness {
        let foreign = std::mem::take(&mut self.foreign_cpu);
        let waited = std::mem::take(&mut self.waited);
        Quietness {
            waited_seconds: waited.as_secs_f64(),
            foreign_cpu: median(&foreign),
            foreign_cpu_at_most: highest(&foreign),
        }
    }
}

/// The share of the CPU time that other programs may use.
const QUIET: f64 = 0.1;
const SAMPLE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_patience_a_measurement_begins_at_once() {
        let mut quiet = Quiet::new(Duration::ZERO);
        let measured = quiet.wait().await.unwrap();
        let share = quiet.ended(&measured).unwrap();
        let quietness = quiet.take();
        assert_eq!((quietness.waited_seconds, quietness.foreign_cpu), (0.0, share));
    }
}
