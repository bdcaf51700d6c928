use std::collections::HashSet;

use procfs::process::{Process, Stat, all_processes};
use procfs::{CurrentSI, KernelStats};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, Timespec, clock_gettime};
use subjects::Error;

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

/// The CPU time of all threads of this process, in seconds.
pub(crate) fn process_cpu() -> f64 {
    seconds(clock_gettime(ClockId::ProcessCPUTime))
}

/// The CPU time of this thread, in seconds.
pub(crate) fn thread_cpu() -> f64 {
    seconds(clock_gettime(ClockId::ThreadCPUTime))
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
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
