use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Runs `work` on `threads` threads at the same time, each on a core of its own, with the number of the thread. Returns the nanoseconds for
/// each of `rounds` rounds of the slowest thread; `None` if another program interrupted one of them.
pub(crate) fn at_once(threads: usize, rounds: u32, work: impl Fn(usize) + Sync) -> Option<f64> {
    let ready = AtomicUsize::new(0);
    let timed = |thread: usize| {
        pin(thread);
        // Whatever is done for the first time.
        work(thread);
        // A barrier of the kernel would wake one thread long before the other.
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) < threads {
            spin_loop();
        }
        let (begun, used) = (now(), cpu_time());
        (0..rounds).for_each(|_| work(thread));
        let (took, used) = (begun.elapsed(), cpu_time().saturating_sub(used));
        (used * 100 > took * 95).then_some(took)
    };
    let slowest = std::thread::scope(|scope| {
        let timed = &timed;
        let others: Vec<_> = (0..threads).map(|thread| scope.spawn(move || timed(thread))).collect();
        let times = others.into_iter().map(|other| other.join().ok().flatten());
        times.collect::<Option<Vec<Duration>>>()?.into_iter().max()
    })?;
    Some(slowest.as_secs_f64() * 1e9 / f64::from(rounds))
}

pub(crate) fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // Where that is not permitted, the threads begin on cores that the kernel chooses.
    let _ = sched_setaffinity(None, &cores);
}

/// The time that this thread has had a core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn now() -> Instant {
    Instant::now()
}
