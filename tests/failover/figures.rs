use std::collections::BTreeMap;
use std::time::Duration;

use crate::audit::{Losses, is_stale, losses};
use crate::faults::Fault;
use crate::gaps::{longest, percentile};
use crate::life::{End, Moment, numbers};
use crate::measurement::{Measurement, Session};
use crate::reader::Read;
use crate::writer::Outcome;

/// The cost of a fault.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) fault: Fault,
    /// How long Redis itself was unavailable: until it had another primary, or until the end of the fault.
    pub(crate) redis: Option<Duration>,
    pub(crate) hiccups: [Duration; 2],
    pub(crate) redirections: Option<[u64; 2]>,
    pub(crate) victim: Group,
    pub(crate) others: Group,
    pub(crate) losses: Losses,
    /// When the first and the last lost write had been acknowledged, in milliseconds after the fault.
    pub(crate) lost_between: Option<(f64, f64)>,
}

/// The cost for a group of sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) operations: usize,
    pub(crate) surprises: BTreeMap<String, usize>,
    pub(crate) errors: BTreeMap<String, usize>,
    /// The longest time without a success, before the fault and after.
    pub(crate) calm: Duration,
    pub(crate) unavailable: Duration,
    /// How long after the fault the last session recovered: its first success after its first error.
    pub(crate) recovered: Duration,
    /// The same for the first session.
    pub(crate) first_recovered: Option<Duration>,
    /// The 99th percentile of latencies of successes after the fault.
    pub(crate) p99: Duration,
    pub(crate) reads: usize,
    pub(crate) cached: usize,
    pub(crate) read_errors: BTreeMap<String, usize>,
    pub(crate) slow_reads: usize,
    pub(crate) slowest_read: Duration,
    pub(crate) unreadable: Duration,
    pub(crate) stale: usize,
    pub(crate) saves: usize,
    pub(crate) deletes: usize,
}

impl Figures {
    pub(crate) fn of(measured: &Measurement) -> Self {
        let group = |victim| {
            let sessions = measured.sessions.iter().filter(|session| session.victim == victim);
            Group::of(&sessions.collect::<Vec<_>>(), measured.fault_at, measured.until)
        };
        let lives = measured.sessions.iter().flat_map(|session| session.lives.iter().zip(&session.found));
        let losses: Losses =
            lives.map(|(life, found)| losses(life, found.as_deref(), measured.fault_at)).sum();
        Self {
            fault: measured.fault,
            redis: if measured.fault.elects() { measured.elected } else { measured.lasted },
            hiccups: measured.hiccups,
            redirections: measured.redirections,
            victim: group(true),
            others: group(false),
            lost_between: losses.first.zip(losses.last).map(|(first, last)| {
                let after = |at: Moment| (at.as_secs_f64() - measured.fault_at.as_secs_f64()) * 1e3;
                (after(first), after(last))
            }),
            losses,
        }
    }
}

impl Group {
    fn of(sessions: &[&Session], fault_at: Moment, until: Moment) -> Self {
        let mut group = Self::default();
        let mut latencies = Vec::new();
        for session in sessions {
            group.add_operations(session, fault_at, until, &mut latencies);
            group.add_reads(session, fault_at, until);
            group.saves += session.lives.iter().map(|life| life.acknowledged.len()).sum::<usize>();
            group.deletes +=
                session.lives.iter().filter(|life| matches!(life.end, End::Acknowledged(_))).count();
        }
        group.p99 = percentile(latencies, 99);
        group
    }

    fn add_operations(
        &mut self,
        session: &Session,
        fault_at: Moment,
        until: Moment,
        latencies: &mut Vec<Duration>,
    ) {
        self.operations += session.operations.len();
        let mut successes = Vec::new();
        let mut failed = false;
        for operation in &session.operations {
            if let Outcome::Error(kind) = &operation.outcome {
                *self.errors.entry(kind.clone()).or_default() += 1;
                failed |= operation.end >= fault_at;
                continue;
            }
            if let Outcome::Surprise(kind) = operation.outcome {
                *self.surprises.entry(kind.to_owned()).or_default() += 1;
            }
            successes.push(operation.end);
            if operation.end >= fault_at {
                latencies.push(operation.end - operation.start);
            }
            if std::mem::take(&mut failed) {
                let recovered = operation.end.saturating_sub(fault_at);
                self.recovered = self.recovered.max(recovered);
                let first = self.first_recovered.unwrap_or(recovered);
                self.first_recovered = Some(first.min(recovered));
            }
        }
        self.calm = self.calm.max(longest(successes.iter().copied(), STARTED, fault_at));
        self.unavailable = self.unavailable.max(longest(successes, fault_at, until));
    }

    fn add_reads(&mut self, session: &Session, fault_at: Moment, until: Moment) {
        self.reads += session.reads.len();
        for read in &session.reads {
            let took = read.end - read.start;
            self.cached += usize::from(read.cached);
            self.slow_reads += usize::from(took > SLOW);
            self.slowest_read = self.slowest_read.max(took);
            self.stale += usize::from(is_outdated(session, read));
            if let Err(kind) = &read.result {
                *self.read_errors.entry(kind.clone()).or_default() += 1;
            }
        }
        let successes = session.reads.iter().filter(|read| read.result.is_ok()).map(|read| read.end);
        self.unreadable = self.unreadable.max(longest(successes, fault_at, until));
    }
}

fn is_outdated(session: &Session, read: &Read) -> bool {
    let Ok(found) = &read.result else { return false };
    let shown = found.as_ref().map(|record| numbers(record.payload.clone()));
    let found = session.found[read.life].as_deref();
    is_stale(&session.lives[read.life], found, read.start, shown.as_deref())
}

const SLOW: Duration = Duration::from_millis(10);
/// All readers and writers have started by then.
const STARTED: Moment = Moment::from_secs(1);
