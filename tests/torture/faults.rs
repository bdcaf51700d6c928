use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use handstamp_testkit::{Direction, Proxy};
use tokio::time::{Instant, sleep, sleep_until};

use crate::checker::Doubt;
use crate::fleet::{Fleet, NODES};
use crate::history::Moment;
use crate::servers::{Servers, Trouble};
use crate::slots::Part;
use crate::watch::Watch;

/// What can go wrong. See [`Servers::kinds`] for what can go wrong where.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    KillNode,
    StopNode,
    /// All nodes restart, one after the other, and sign with another secret. In between, some sign with one, some with the other.
    RotateSecret,
    KillServer,
    StopServer,
    /// Until another has taken over, and for a while longer. It comes back as a replica.
    KillPrimary,
    StopPrimary,
    /// Not for so long that another would take over.
    StopPrimaryBriefly,
    /// A replica takes over while all are well.
    FailOver,
    KillReplica,
    KillSentinel,
    /// One after the other, each step for itself.
    MoveSlots,
    MoveSlotsAtomically,
    /// A primary comes, serves for a while, and goes.
    ScaleOut,
    /// Commands wait.
    PauseClients,
    KillNormalClients,
    KillPubsubClients,
    /// Nothing comes from a server any more, and connections stay open.
    SilenceFromServer,
    SilenceToServer,
    Silence,
    SlowLink,
    CutLink,
    /// Redis closes a subscription whose messages are not taken.
    FullBuffers,
}

/// What concerns one place cannot be combined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Servers,
    AllNodes,
    Node(usize),
    /// Between a node and the server, where each node has one of its own.
    Link(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// Which of the nodes, of their links, or of the servers.
    pub(crate) number: usize,
    pub(crate) lasts: Duration,
    /// How slow a link gets, either way, from hardly noticed to more than a node waits for; or how long the pauses are.
    pub(crate) delay: Duration,
    place: Place,
}

/// What was made to fail, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) cache_clears: u64,
    pub(crate) unasked_failovers: u64,
    pub(crate) doubts: Vec<Doubt>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) time: Range<Moment>,
    /// Whose sessions it concerned, if it was about the servers.
    pub(crate) part: Option<Part>,
    /// When another server had taken over, if it was waited for.
    pub(crate) taken_over: Option<Moment>,
    /// Whether nothing else failed at the same time.
    pub(crate) alone: bool,
    pub(crate) text: String,
}

/// Deals faults so that every kind comes once before any comes again: so a short run sees all.
struct Dealer {
    kinds: Vec<Kind>,
    deck: Vec<Kind>,
    /// How long a primary may be silent without another taking its place.
    patience: Duration,
    /// Whether each node has a link of its own to the servers.
    links: bool,
}

/// Makes one or two things fail at a time, with calm in between, until `deadline`; then everything is well.
pub(crate) async fn run(
    fleet: &mut Fleet,
    watch: &mut Watch,
    mut rng: Rng,
    began: Instant,
    deadline: Instant,
) -> Log {
    let mut log = Log::default();
    let mut dealer = Dealer::of(&fleet.servers);
    loop {
        let calm = Duration::from_millis(rng.u64(500..3_000));
        if Instant::now() + calm >= deadline {
            sleep_until(deadline).await;
            return log;
        }
        sleep(calm).await;
        let mut faults = vec![dealer.deal(&mut rng)];
        if rng.bool() {
            let second = dealer.deal(&mut rng);
            if faults[0].goes_with(&second) {
                faults.push(second);
            } else {
                // Its turn comes next.
                dealer.deck.push(second.kind);
            }
        }
        let replaced = make(fleet, faults, rng.bool(), began, &mut log).await;
        watch.look(&fleet.servers, &replaced, began, &mut log);
    }
}

impl Dealer {
    fn of(servers: &Servers) -> Self {
        let kinds =
            [Kind::KillNode, Kind::StopNode, Kind::RotateSecret].into_iter().chain(servers.kinds()).collect();
        let links = matches!(servers, Servers::One(_));
        Self { kinds, deck: Vec::new(), patience: servers.patience(), links }
    }

    fn deal(&mut self, rng: &mut Rng) -> Fault {
        if self.deck.is_empty() {
            self.deck.extend(&self.kinds);
            rng.shuffle(&mut self.deck);
        }
        let kind = self.deck.pop().unwrap_or(Kind::KillNode);
        let longest = if kind == Kind::StopServer { 4_000 } else { 5_000 };
        // As many short ones as long ones.
        let millis = match kind {
            Kind::KillNormalClients | Kind::KillPubsubClients => 0,
            _ if rng.bool() => rng.u64(100..1_000),
            _ => rng.u64(1_000..longest),
        };
        let mut lasts = Duration::from_millis(millis);
        if matches!(kind, Kind::StopPrimaryBriefly | Kind::PauseClients) {
            lasts = lasts.min(self.patience);
        }
        let number = rng.usize(..NODES);
        let place = match kind {
            Kind::KillNode | Kind::StopNode => Place::Node(number),
            Kind::RotateSecret => Place::AllNodes,
            _ if self.links && kind.is_of_link() => Place::Link(number),
            _ => Place::Servers,
        };
        Fault { kind, number, lasts, delay: Duration::from_millis(rng.u64(10..150)), place }
    }
}

/// Begins all, and ends each when its time has come. In the middle of it, caches may be cleared. Returns the primaries that
/// were to be replaced.
async fn make(
    fleet: &mut Fleet,
    mut faults: Vec<Fault>,
    clear: bool,
    began: Instant,
    log: &mut Log,
) -> BTreeSet<usize> {
    let mut replaced = BTreeSet::new();
    faults.sort_by_key(Fault::pause_before_end);
    let alone = faults.len() == 1;
    let mut running = Vec::new();
    for fault in faults {
        let start = Instant::now();
        *log.counts.entry(fault.kind).or_default() += 1;
        let trouble = fault.begin(fleet).await;
        if matches!(fault.kind, Kind::KillPrimary | Kind::StopPrimary | Kind::FailOver) {
            replaced.extend(trouble.as_ref().map(|trouble| trouble.server));
        }
        running.push((fault, start, trouble));
    }
    if clear && running.iter().all(|(fault, ..)| fault.place != Place::Servers) {
        fleet.clear_all_caches();
        log.cache_clears += 1;
    }
    for (fault, start, mut trouble) in running {
        if let (true, Some(trouble)) = (alone, &mut trouble) {
            // With another fault, that would last too long.
            fleet.servers.until_taken_over(&fault, trouble).await;
        }
        sleep_until(start + fault.pause_before_end()).await;
        fault.end(fleet, trouble.as_mut()).await;
        log.add(&fault, began, start, trouble, alone);
    }
    replaced
}

impl Log {
    /// A fault that is just over.
    fn add(&mut self, fault: &Fault, began: Instant, start: Instant, trouble: Option<Trouble>, alone: bool) {
        let moment = |instant: Instant| instant.saturating_duration_since(began);
        let mut text = fault.to_string();
        let taken_over = trouble.as_ref().and_then(|trouble| trouble.taken_over).map(moment);
        if let Some(moment) = taken_over.filter(|_| alone) {
            text += &format!(", another had taken over by {:.2}", moment.as_secs_f64());
        }
        let part = trouble.map(|Trouble { part, doubts, server, .. }| {
            text += &format!(", server {server}");
            for doubt in doubts {
                let time = moment(doubt.start)..moment(doubt.end);
                text +=
                    &format!(", in doubt {:.3} to {:.3}", time.start.as_secs_f64(), time.end.as_secs_f64());
                self.doubts.push(Doubt { part: part.clone(), time });
            }
            part
        });
        let time = moment(start)..began.elapsed();
        self.entries.push(Entry { kind: fault.kind, time, part, taken_over, alone, text });
    }
}

impl Kind {
    const fn is_of_link(self) -> bool {
        matches!(
            self,
            Self::SilenceFromServer
                | Self::SilenceToServer
                | Self::Silence
                | Self::SlowLink
                | Self::CutLink
                | Self::FullBuffers
        )
    }
}

impl Fault {
    /// Some are made in one go, which takes the time that it takes.
    const fn pause_before_end(&self) -> Duration {
        match self.kind {
            Kind::FailOver
            | Kind::MoveSlots
            | Kind::MoveSlotsAtomically
            | Kind::ScaleOut
            | Kind::RotateSecret => Duration::ZERO,
            _ => self.lasts,
        }
    }

    fn goes_with(&self, other: &Self) -> bool {
        // That one needs a link as well.
        let alone = |fault: &Self| fault.kind == Kind::FullBuffers;
        let are_nodes = matches!(
            (self.place, other.place),
            (Place::AllNodes, Place::Node(_)) | (Place::Node(_), Place::AllNodes)
        );
        self.place != other.place && !are_nodes && !alone(self) && !alone(other)
    }

    async fn begin(&self, fleet: &mut Fleet) -> Option<Trouble> {
        match self.kind {
            Kind::KillNode => fleet.kill_node(self.number),
            Kind::StopNode => fleet.pause_node(self.number),
            Kind::RotateSecret => fleet.rotate_secret(),
            _ => return Some(fleet.servers.begin(self).await),
        }
        None
    }

    async fn end(&self, fleet: &mut Fleet, trouble: Option<&mut Trouble>) {
        match (self.kind, trouble) {
            (_, Some(trouble)) => fleet.servers.end(self, trouble).await,
            (Kind::KillNode, None) => fleet.restart_node(self.number).await,
            (Kind::RotateSecret, None) => {
                for node in 0..NODES {
                    fleet.kill_node(node);
                    fleet.restart_node(node).await;
                    sleep(self.lasts / 4).await;
                }
            }
            (_, None) => fleet.resume_node(self.number),
        }
    }

    /// Makes a network fail, if that is what is to fail.
    pub(crate) fn fail_link(&self, link: &Proxy) {
        match self.kind {
            Kind::SilenceFromServer => link.block(Direction::ToClient),
            Kind::SilenceToServer => link.block(Direction::ToServer),
            Kind::Silence => link.block(Direction::Both),
            Kind::SlowLink => link.delay(self.delay),
            Kind::CutLink => {
                link.reject_connections(true);
                link.disconnect();
            }
            _ => {}
        }
    }

    /// Has it work again.
    pub(crate) fn mend_link(&self, link: &Proxy) {
        match self.kind {
            Kind::SilenceFromServer | Kind::SilenceToServer | Kind::Silence => link.resume(),
            Kind::SlowLink => link.delay(Duration::ZERO),
            Kind::CutLink => link.reject_connections(false),
            _ => {}
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        if let Place::Node(number) | Place::Link(number) = self.place {
            write!(f, " of node {number}")?;
        }
        if matches!(self.kind, Kind::SlowLink | Kind::MoveSlots) {
            write!(f, " by {:?}", self.delay)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 6] = [
        Kind::KillNode,
        Kind::StopNode,
        Kind::KillServer,
        Kind::StopPrimaryBriefly,
        Kind::Silence,
        Kind::CutLink,
    ];

    fn dealer() -> Dealer {
        Dealer { kinds: KINDS.into(), deck: Vec::new(), patience: Duration::from_millis(700), links: true }
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        let (mut dealer, mut rng) = (dealer(), Rng::with_seed(7));
        for _ in 0..3 {
            let mut dealt: Vec<_> = KINDS.map(|_| dealer.deal(&mut rng).kind).into();
            dealt.sort_unstable();
            assert_eq!(dealt, KINDS);
        }
    }

    #[test]
    fn what_is_to_be_brief_is() {
        let (mut dealer, mut rng) = (dealer(), Rng::with_seed(7));
        for _ in 0..50 {
            let fault = dealer.deal(&mut rng);
            assert!(fault.kind != Kind::StopPrimaryBriefly || fault.lasts <= dealer.patience, "{fault:?}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let choices = |seed| {
            let (mut dealer, mut rng) = (dealer(), Rng::with_seed(seed));
            (0..50).map(|_| format!("{:?}", dealer.deal(&mut rng))).collect::<Vec<_>>()
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
    }

    #[test]
    fn what_concerns_one_place_is_not_combined() {
        let fault =
            |kind, place| Fault { kind, number: 1, lasts: Duration::ZERO, delay: Duration::ZERO, place };
        let killed = fault(Kind::KillServer, Place::Servers);
        assert!(!killed.goes_with(&fault(Kind::StopServer, Place::Servers)));
        assert!(!killed.goes_with(&fault(Kind::FullBuffers, Place::Link(1))));
        assert!(killed.goes_with(&fault(Kind::Silence, Place::Link(1))));
        assert!(!fault(Kind::CutLink, Place::Link(1)).goes_with(&fault(Kind::Silence, Place::Link(1))));
        assert!(fault(Kind::CutLink, Place::Link(1)).goes_with(&fault(Kind::Silence, Place::Link(2))));
        let rotated = fault(Kind::RotateSecret, Place::AllNodes);
        assert!(rotated.goes_with(&killed));
        assert!(!rotated.goes_with(&fault(Kind::KillNode, Place::Node(1))));
        assert!(!fault(Kind::KillNode, Place::Node(1)).goes_with(&rotated));
        assert!(!fault(Kind::KillNode, Place::Node(1)).goes_with(&fault(Kind::StopNode, Place::Node(1))));
    }
}
