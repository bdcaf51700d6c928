//! A block of a measurement: as many operations as fit into a fraction of a second.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::median::median;

/// What was measured in a block.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) operations: f64,
    /// Operations a second.
    pub(crate) rate: f64,
    /// Microseconds of CPU time of this process for each.
    pub(crate) cpu: f64,
    /// Percentiles of the time that one takes, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Block {
    /// Repeats `step` in a task for each of these states, all at once, and returns the states, too.
    pub(crate) async fn run<S, F>(
        length: Duration,
        states: Vec<S>,
        step: impl Fn(S) -> F + Clone + Send + 'static,
    ) -> (Self, Vec<S>)
    where
        S: Send + 'static,
        F: Future<Output = S> + Send,
    {
        let (begun, cpu_before) = (now(), cpu_seconds());
        let mut tasks = JoinSet::new();
        for mut state in states {
            let step = step.clone();
            tasks.spawn(async move {
                let (mut times, mut before) = (Vec::new(), begun);
                while before < begun + length {
                    state = step(state).await;
                    let after = now();
                    times.push((after - before).as_secs_f64() * 1e6);
                    before = after;
                }
                (state, times)
            });
        }
        let (states, times): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().unzip();
        let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
        let mut times: Vec<f64> = times.concat();
        times.sort_by(f64::total_cmp);
        let count = times.len() as f64;
        let percentile = |share: f64| times[((count * share) as usize).min(times.len() - 1)];
        let block = Self {
            operations: count,
            rate: count / elapsed,
            cpu: cpu * 1e6 / count,
            p50: percentile(0.5),
            p99: percentile(0.99),
        };
        (block, states)
    }

    /// The median of each figure.
    pub(crate) fn median_of(blocks: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(blocks.iter().map(figure).collect());
        Self {
            operations: of(|block| block.operations),
            rate: of(|block| block.rate),
            cpu: of(|block| block.cpu),
            p50: of(|block| block.p50),
            p99: of(|block| block.p99),
        }
    }
}

/// The median of the ratios of a figure in blocks next to each other.
pub(crate) fn median_ratio(ours: &[Block], theirs: &[Block], figure: fn(&Block) -> f64) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| figure(ours) / figure(theirs)).collect())
}

/// The CPU time of the threads of this process.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let times = threads.filter_map(|thread| {
        let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e9
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn now() -> Instant {
    Instant::now()
}
