use std::collections::HashSet;
use std::time::Duration;

use procfs::process::{Process, Stat, all_processes};
use procfs::{CurrentSI, KernelStats};
use rustix::thread::{CpuSet, sched_setaffinity};
use subjects::Error;
use tokio::time::sleep;

/// What the CPUs have done until an instant, in ticks of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuUse {
    /// All ticks of all cores.
    total: u64,
    /// Those of programs, and those that the hypervisor gave to other machines.
    busy: u64,
    /// Those of this process and of its descendants.
    ours: u64,
}

impl CpuUse {
    pub(crate) fn until_now() -> Result<Self, Error> {
        let cpu = KernelStats::current()?.total;
        let idle = cpu.idle + cpu.iowait.unwrap_or(0);
        // Interrupts are left out: those of loopback belong to the measured programs.
        let interrupts = cpu.irq.unwrap_or(0) + cpu.softirq.unwrap_or(0);
        let busy = cpu.user + cpu.nice + cpu.system + cpu.steal.unwrap_or(0);
        Ok(Self { total: idle + interrupts + busy, busy, ours: ours()? })
    }

    /// The share of the CPU time since then that went to other programs, from 0 to 1.
    pub(crate) fn foreign_share(&self) -> Result<f64, Error> {
        let now = Self::until_now()?;
        let ours = now.ours.saturating_sub(self.ours);
        let foreign = (now.busy - self.busy).saturating_sub(ours);
        Ok(foreign as f64 / (now.total - self.total).max(1) as f64)
    }
}

/// Waits for a quiet machine, for a minute in the whole of a measurement.
#[derive(Debug)]
pub(crate) struct Quiet {
    patience: Duration,
}

impl Quiet {
    pub(crate) const fn new() -> Self {
        Self { patience: Duration::from_secs(60) }
    }

    /// Waits until other programs use less than a tenth of the CPU time, or patience is at an end.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        while !self.patience.is_zero() {
            let before = CpuUse::until_now()?;
            sleep(SAMPLE).await;
            if before.foreign_share()? < 0.1 {
                break;
            }
            self.patience = self.patience.saturating_sub(SAMPLE);
        }
        Ok(())
    }
}

/// Moves this thread to a core. Threads and processes that it starts from now on begin there.
pub(crate) fn pin(core: usize) -> Result<(), Error> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).map_err(|error| format!("cannot use core {core}: {error}").into())
}

/// The resident memory of this process, in bytes.
pub(crate) fn resident_memory() -> Result<u64, Error> {
    Ok(Process::myself()?.stat()?.rss * procfs::page_size())
}

/// The ticks of this process and its descendants, also of those that have ended.
fn ours() -> Result<u64, Error> {
    // A process may end while it is read.
    let mut processes: Vec<Stat> = all_processes()?.filter_map(|process| process.ok()?.stat().ok()).collect();
    // Parents before their children, except where process ids have started again from the beginning.
    processes.sort_by_key(|process| process.pid);
    let mut pids = HashSet::from([Process::myself()?.pid]);
    let mut ticks = 0;
    for process in processes {
        if pids.contains(&process.pid) || pids.contains(&process.ppid) {
            pids.insert(process.pid);
            let ended = u64::try_from(process.cutime + process.cstime)?;
            ticks += process.utime + process.stime + ended;
        }
    }
    Ok(ticks)
}

const SAMPLE: Duration = Duration::from_millis(300);
