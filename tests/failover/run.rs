use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use handstamp_core::record::{Entry, Opened, Sealer};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use crate::faults::{Fault, Topology};
use crate::figures::Figures;
use crate::life::{Moment, numbers};
use crate::measurement::{Measurement, Session};
use crate::stage::Stage;
use crate::writer::{self, Writer};
use crate::{keys, nodes, pauses, reader};

/// The schedule of a reader or writer.
#[derive(Clone)]
pub(crate) struct Pace {
    began: Instant,
    offset: Duration,
    over: Arc<AtomicBool>,
}

impl Pace {
    pub(crate) fn now(&self) -> Moment {
        self.began.elapsed()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Ticks that are missed are skipped.
    pub(crate) fn ticks(&self, every: Duration) -> Interval {
        let mut ticks = interval_at(self.began + self.offset, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    }
}

/// Injects a fault under load. Returns `None` if the server does not support it.
pub(crate) async fn run(topology: Topology, fault: Fault) -> Option<Figures> {
    let mut stage = Stage::set_up(topology, fault).await;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let load = Load::begin(runtime.handle(), &stage).await;
    sleep(WARM_UP).await;
    let (stop, stopped) = watch::channel(());
    let machine = pauses::longest_of_machine(stopped.clone());
    let hiccup = runtime.spawn(pauses::longest(stopped));
    let observer = stage.observer().map(|observer| tokio::spawn(observer.elected()));
    let outcome = match stage.inject().await {
        Some(fault_at) => {
            let injected = Instant::now();
            let ended = stage.end_fault().await;
            sleep(ended.map_or(AFTER, |_| AFTERWARDS)).await;
            let elected = match observer {
                Some(observer) => timeout(ELECTION_LIMIT, observer).await.ok(),
                None => None,
            };
            let elected = elected.map(|elected| elected.expect("the observer does not panic"));
            Some((fault_at, elected, ended.or_else(|| (injected - fault_at > AFTER).then_some(injected))))
        }
        None => None,
    };
    drop(stop);
    let hiccups = [hiccup.await.expect("a clock"), machine.join().expect("another clock")];
    let began = load.pace.began;
    let until = began.elapsed();
    let mut sessions = load.end().await;
    let figures = if let Some((fault_at, elected, ended)) = outcome {
        let redirections = stage.redirections();
        stage.until_healthy().await;
        sleep(SETTLING).await;
        find_all(&stage, &mut sessions);
        let measurement = Measurement {
            fault,
            fault_at: fault_at - began,
            until,
            elected: elected.map(|elected| elected.saturating_duration_since(fault_at)),
            lasted: ended.map(|ended| ended - fault_at),
            hiccups,
            redirections,
            sessions,
        };
        Some(Figures::of(&measurement))
    } else {
        None
    };
    // Dropping the runtime would block, which is not allowed in async code.
    runtime.shutdown_background();
    figures
}

/// The two nodes, and the load on them.
struct Load {
    pace: Pace,
    nodes: [Arc<handstamp_store::ClusteredStore>; 2],
    sessions: Vec<(bool, Writing, Reading)>,
}

type Writing = tokio::task::JoinHandle<(Vec<writer::Operation>, Vec<crate::life::Life>)>;
type Reading = tokio::task::JoinHandle<Vec<reader::Read>>;

impl Load {
    async fn begin(runtime: &Handle, stage: &Stage) -> Self {
        let node = |name: &'static str| {
            let url = stage.url();
            runtime.spawn(async move { Arc::new(nodes::start(&url, name).await) })
        };
        let (writing, reading) = (node("writer"), node("reader"));
        let (writing, reading) = (writing.await.expect("a node"), reading.await.expect("a node"));
        let pace = Pace { began: Instant::now(), offset: Duration::ZERO, over: Arc::default() };
        let victim = stage.victim();
        let all = victim.clone().count() == usize::from(keys::SLOTS);
        let mut sessions = Vec::new();
        for number in 0..SESSIONS {
            let offset = writer::EVERY * number / SESSIONS;
            let pace = Pace { offset, ..pace.clone() };
            let inside = all || number % 3 == 0;
            let victim = victim.clone();
            let new_key = move || keys::generate(&victim, inside);
            let seen: reader::Keys = Arc::new(Mutex::new(Vec::new()));
            let writer = Writer::new(writing.clone(), new_key(), inside);
            let reader = runtime.spawn(reader::run(reading.clone(), seen.clone(), pace.clone()));
            let on_lives = move |lives: &[crate::life::Life]| {
                // Only after its creation, because an absence would be cached.
                let created = lives.iter().filter(|life| !life.acknowledged.is_empty());
                *seen.lock() = created.map(|life| life.key).collect();
            };
            let writer = runtime.spawn(writer.run(pace, new_key, on_lives));
            sessions.push((inside, writer, reader));
        }
        Self { pace, nodes: [writing, reading], sessions }
    }

    async fn end(self) -> Vec<Session> {
        self.pace.over.store(true, Ordering::Relaxed);
        let mut sessions = Vec::new();
        for (victim, writer, reader) in self.sessions {
            let (operations, lives) = writer.await.expect("a writer does not panic");
            let reads = reader.await.expect("a reader does not panic");
            sessions.push(Session { victim, operations, lives, reads, found: Vec::new() });
        }
        // Time for pending deletes.
        sleep(SETTLING).await;
        for node in self.nodes {
            node.shutdown().await;
        }
        sessions
    }
}

fn find_all(stage: &Stage, sessions: &mut [Session]) {
    let sealer = Sealer::new(&nodes::keys());
    for session in sessions {
        let names: Vec<String> = session.lives.iter().map(|life| keys::name(&life.key)).collect();
        let found = stage.find(&names).into_iter().zip(&session.lives);
        session.found = found
            .map(|(bytes, life)| {
                let entry = Entry::read(life.key, bytes?.into()).expect("an entry");
                match sealer.open(&entry).expect("an authentic entry") {
                    Opened::Record(record, _) => Some(numbers(record.payload)),
                    Opened::Tombstone(_) => None,
                }
            })
            .collect();
    }
}

const SESSIONS: u32 = 200;
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the load continues after a fault without an end, and after the end of a fault.
const AFTER: Duration = Duration::from_secs(8);
const AFTERWARDS: Duration = Duration::from_secs(5);
const ELECTION_LIMIT: Duration = Duration::from_secs(20);
const SETTLING: Duration = Duration::from_secs(1);
