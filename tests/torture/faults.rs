use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use handstamp_testkit::Direction;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cluster::{Cluster, NODES};

/// What can go wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    KillNode,
    StopNode,
    KillRedis,
    StopRedis,
    /// Commands wait.
    PauseClients,
    KillNormalClients,
    KillPubsubClients,
    /// Nothing comes from Redis any more, and connections stay open.
    SilenceFromRedis,
    SilenceToRedis,
    Silence,
    SlowLink,
    CutLink,
    /// Redis closes a subscription whose messages are not taken.
    FullBuffers,
}

const KINDS: [Kind; 13] = [
    Kind::KillNode,
    Kind::StopNode,
    Kind::KillRedis,
    Kind::StopRedis,
    Kind::PauseClients,
    Kind::KillNormalClients,
    Kind::KillPubsubClients,
    Kind::SilenceFromRedis,
    Kind::SilenceToRedis,
    Kind::Silence,
    Kind::SlowLink,
    Kind::CutLink,
    Kind::FullBuffers,
];

/// What concerns one place cannot be combined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Redis,
    Node(usize),
    Link(usize),
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    kind: Kind,
    /// Whose, where it is about a node or its link.
    node: usize,
    lasts: Duration,
    /// How slow a link gets, either way: from hardly noticed to more than a node waits for.
    delay: Duration,
}

/// What was made to fail, and when, for the story of a violation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// From when, until when, what.
    pub(crate) entries: Vec<(Duration, Duration, String)>,
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) cache_clears: u64,
}

/// Makes one or two things fail at a time, with calm in between, until `deadline`; then everything is well.
pub(crate) async fn run(cluster: &mut Cluster, mut rng: Rng, began: Instant, deadline: Instant) -> Log {
    let mut log = Log::default();
    let mut deck = Vec::new();
    loop {
        let calm = Duration::from_millis(rng.u64(500..3_000));
        if Instant::now() + calm >= deadline {
            sleep_until(deadline).await;
            return log;
        }
        sleep(calm).await;
        let mut faults = vec![deal(&mut deck, &mut rng)];
        if rng.bool() {
            let second = deal(&mut deck, &mut rng);
            if faults[0].goes_with(&second) {
                faults.push(second);
            } else {
                // Its turn comes next.
                deck.push(second.kind);
            }
        }
        make(cluster, faults, rng.bool(), began, &mut log).await;
    }
}

/// Every kind comes once before any comes again, so that a short run sees all.
fn deal(deck: &mut Vec<Kind>, rng: &mut Rng) -> Fault {
    if deck.is_empty() {
        deck.extend(KINDS);
        rng.shuffle(deck);
    }
    let kind = deck.pop().unwrap_or(Kind::CutLink);
    let longest = if kind == Kind::StopRedis { 4_000 } else { 5_000 };
    // As many short ones as long ones.
    let millis = match kind {
        Kind::KillNormalClients | Kind::KillPubsubClients => 0,
        _ if rng.bool() => rng.u64(100..1_000),
        _ => rng.u64(1_000..longest),
    };
    Fault {
        kind,
        node: rng.usize(..NODES),
        lasts: Duration::from_millis(millis),
        delay: Duration::from_millis(rng.u64(10..150)),
    }
}

/// Begins all, and ends each when its time has come. In the middle of it, caches may be cleared.
async fn make(cluster: &mut Cluster, mut faults: Vec<Fault>, clear: bool, began: Instant, log: &mut Log) {
    faults.sort_by_key(|fault| fault.lasts);
    let mut running = Vec::new();
    for fault in faults {
        let start = Instant::now();
        *log.counts.entry(fault.kind).or_default() += 1;
        fault.begin(cluster).await;
        running.push((fault, start));
    }
    if clear && running.iter().all(|(fault, _)| fault.place() != Place::Redis) {
        cluster.publish_cache_clear();
        log.cache_clears += 1;
    }
    for (fault, start) in running {
        sleep_until(start + fault.lasts).await;
        fault.end(cluster).await;
        log.entries.push((start - began, began.elapsed(), fault.to_string()));
    }
}

impl Fault {
    fn place(&self) -> Place {
        match self.kind {
            Kind::KillNode | Kind::StopNode => Place::Node(self.node),
            Kind::KillRedis
            | Kind::StopRedis
            | Kind::PauseClients
            | Kind::KillNormalClients
            | Kind::KillPubsubClients
            | Kind::FullBuffers => Place::Redis,
            Kind::SilenceFromRedis
            | Kind::SilenceToRedis
            | Kind::Silence
            | Kind::SlowLink
            | Kind::CutLink => Place::Link(self.node),
        }
    }

    fn goes_with(&self, other: &Self) -> bool {
        // That one needs a link as well.
        let alone = |fault: &Self| fault.kind == Kind::FullBuffers;
        self.place() != other.place() && !alone(self) && !alone(other)
    }

    async fn begin(&self, cluster: &mut Cluster) {
        let proxy = &cluster.proxies[self.node];
        match self.kind {
            Kind::KillNode => cluster.kill_node(self.node),
            Kind::StopNode => cluster.pause_node(self.node),
            Kind::KillRedis => cluster.redis.kill(),
            Kind::StopRedis => cluster.redis.pause(),
            Kind::PauseClients => {
                let millis = self.lasts.as_millis().to_string();
                let mode = if self.node == 0 { "WRITE" } else { "ALL" };
                command(cluster, &["CLIENT", "PAUSE", &millis, mode]);
            }
            Kind::KillNormalClients => command(cluster, &["CLIENT", "KILL", "TYPE", "normal"]),
            Kind::KillPubsubClients => command(cluster, &["CLIENT", "KILL", "TYPE", "pubsub"]),
            Kind::SilenceFromRedis => proxy.silence(Direction::ToClient),
            Kind::SilenceToRedis => proxy.silence(Direction::ToServer),
            Kind::Silence => proxy.silence(Direction::Both),
            Kind::SlowLink => proxy.delay(self.delay),
            Kind::CutLink => {
                proxy.refuse(true);
                proxy.cut();
            }
            Kind::FullBuffers => {
                proxy.silence(Direction::ToClient);
                limit_buffers(cluster, "pubsub 65536 65536 1");
                for _ in 0..GARBAGE_ROUNDS {
                    cluster.publish_garbage(10, GARBAGE_LEN);
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn end(&self, cluster: &mut Cluster) {
        let proxy = &cluster.proxies[self.node];
        match self.kind {
            Kind::KillNode => cluster.restart_node(self.node).await,
            Kind::StopNode => cluster.resume_node(self.node),
            Kind::KillRedis => cluster.redis.restart().await,
            Kind::StopRedis => cluster.redis.resume(),
            // These are over by themselves.
            Kind::PauseClients | Kind::KillNormalClients | Kind::KillPubsubClients => {}
            Kind::SilenceFromRedis | Kind::SilenceToRedis | Kind::Silence => proxy.resume(),
            Kind::SlowLink => proxy.delay(Duration::ZERO),
            Kind::CutLink => proxy.refuse(false),
            Kind::FullBuffers => {
                limit_buffers(cluster, "pubsub 33554432 8388608 60");
                proxy.resume();
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Place::Redis if self.kind != Kind::FullBuffers => write!(f, "{:?}", self.kind),
            _ if self.kind == Kind::SlowLink => {
                write!(f, "{:?} of node {} by {:?}", self.kind, self.node, self.delay)
            }
            _ => write!(f, "{:?} of node {}", self.kind, self.node),
        }
    }
}

/// What cannot be sent now is not: another fault is at work.
fn command(cluster: &Cluster, parts: &[&str]) {
    let _ = cluster.redis.try_command(parts);
}

fn limit_buffers(cluster: &Cluster, limits: &str) {
    command(cluster, &["CONFIG", "SET", "client-output-buffer-limit", limits]);
}

/// More than the buffers of the sockets on the way hold.
const GARBAGE_ROUNDS: usize = 10;
const GARBAGE_LEN: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        let (mut deck, mut rng) = (Vec::new(), Rng::with_seed(7));
        for _ in 0..3 {
            let mut dealt: Vec<_> = KINDS.map(|_| deal(&mut deck, &mut rng).kind).into();
            dealt.sort_unstable();
            assert_eq!(dealt, KINDS);
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let choices = |seed| {
            let (mut deck, mut rng) = (Vec::new(), Rng::with_seed(seed));
            (0..50).map(|_| deal(&mut deck, &mut rng)).map(|fault| format!("{fault:?}")).collect::<Vec<_>>()
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
    }

    #[test]
    fn what_concerns_one_place_is_not_combined() {
        let fault = |kind, node| Fault { kind, node, lasts: Duration::ZERO, delay: Duration::ZERO };
        let killed = fault(Kind::KillRedis, 0);
        assert!(!killed.goes_with(&fault(Kind::StopRedis, 1)));
        assert!(!killed.goes_with(&fault(Kind::FullBuffers, 1)));
        assert!(killed.goes_with(&fault(Kind::Silence, 1)));
        assert!(!fault(Kind::CutLink, 1).goes_with(&fault(Kind::Silence, 1)));
        assert!(fault(Kind::CutLink, 1).goes_with(&fault(Kind::Silence, 2)));
        assert!(!fault(Kind::KillNode, 1).goes_with(&fault(Kind::StopNode, 1)));
    }
}
