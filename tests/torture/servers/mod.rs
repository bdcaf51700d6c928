//! The servers that store the sessions, and their faults.

mod cluster;
mod one;
mod sentinel;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use self::cluster::Cluster;
use self::one::One;
use self::sentinel::Sentinel;
use crate::arguments::Topology;
use crate::faults::{Fault, Kind};
use crate::slots::SlotSet;

/// All of them persist every write before they acknowledge it.
pub(crate) enum Servers {
    One(One),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

/// The effect of a fault of the servers on the sessions.
#[derive(Clone, Debug)]
pub(crate) struct FaultEffect {
    /// The affected server.
    pub(crate) server: usize,
    /// The slots of the affected sessions.
    pub(crate) slots: SlotSet,
    /// Times in which the servers may have acknowledged writes that they lost afterwards.
    pub(crate) loss_windows: Vec<Range<Instant>>,
    /// When another server had taken over, if that was necessary.
    pub(crate) taken_over: Option<Instant>,
}

impl FaultEffect {
    /// A fault of `server`, which affects the sessions in `slots`.
    const fn of(server: usize, slots: SlotSet) -> Self {
        Self { server, slots, loss_windows: Vec::new(), taken_over: None }
    }

    /// Since `then`, a replaced primary may have acknowledged writes that no replica has, because replication is asynchronous.
    fn may_lose_writes_since(&mut self, then: Instant) {
        self.loss_windows.push(then..Instant::now());
    }
}

impl Servers {
    pub(crate) async fn start(topology: Topology) -> Self {
        match topology {
            Topology::One => Self::One(One::start().await),
            Topology::Sentinel => Self::Sentinel(Sentinel::start().await),
            Topology::Cluster => Self::Cluster(Cluster::start().await),
        }
    }

    /// The settings of a node for them.
    pub(crate) fn settings(&self, node: usize) -> Vec<(&'static str, String)> {
        let (url, replicas) = match self {
            Self::One(one) => (one.url(node), 0),
            Self::Sentinel(sentinel) => (sentinel.url(), Sentinel::REPLICAS),
            Self::Cluster(cluster) => (cluster.url(), 1),
        };
        vec![("REDIS_URL", url), ("REDIS_WAIT_REPLICAS", replicas.to_string())]
    }

    /// The possible faults of the servers and their connections.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::One(_) => One::KINDS.into(),
            Self::Sentinel(_) => Sentinel::KINDS.into(),
            Self::Cluster(cluster) => cluster.kinds(),
        }
    }

    /// How long a primary can be suspended without a failover.
    pub(crate) const fn longest_suspension(&self) -> Duration {
        match self {
            Self::One(_) => Duration::MAX,
            Self::Sentinel(_) => Sentinel::LONGEST_SUSPENSION,
            Self::Cluster(_) => Cluster::LONGEST_SUSPENSION,
        }
    }

    /// The servers that accept writes.
    pub(crate) fn primaries(&self) -> BTreeSet<usize> {
        match self {
            Self::One(_) => BTreeSet::from([0]),
            Self::Sentinel(sentinel) => BTreeSet::from([sentinel.primary()]),
            Self::Cluster(cluster) => cluster.primaries(),
        }
    }

    pub(crate) async fn begin(&mut self, fault: &Fault) -> FaultEffect {
        match self {
            Self::One(one) => one.begin(fault).await,
            Self::Sentinel(sentinel) => sentinel.begin(fault).await,
            Self::Cluster(cluster) => cluster.begin(fault).await,
        }
    }

    /// Waits for the failover, if the fault causes one.
    pub(crate) async fn until_taken_over(&self, fault: &Fault, effect: &mut FaultEffect) {
        if matches!(fault.kind, Kind::KillPrimary | Kind::StopPrimary) && effect.taken_over.is_none() {
            match self {
                Self::One(_) => return,
                Self::Sentinel(sentinel) => sentinel.until_taken_over(effect.server).await,
                Self::Cluster(cluster) => cluster.until_taken_over(effect.server).await,
            }
            effect.taken_over = Some(Instant::now());
        }
    }

    /// Ends a fault, and waits until all servers are healthy: another fault before that could legitimately lose data.
    pub(crate) async fn end(&mut self, fault: &Fault, effect: &mut FaultEffect) {
        self.until_taken_over(fault, effect).await;
        match self {
            Self::One(one) => one.end(fault).await,
            Self::Sentinel(sentinel) => sentinel.end(fault, effect).await,
            Self::Cluster(cluster) => cluster.end(fault, effect).await,
        }
    }

    /// Publishes a message, if a server is available.
    pub(crate) fn publish(&self, channel: &str, message: &[u8]) {
        let parts = [&b"PUBLISH"[..], channel.as_bytes(), message];
        match self {
            Self::One(one) => one.try_command(&parts),
            Self::Sentinel(sentinel) => sentinel.try_command(&parts),
            Self::Cluster(cluster) => cluster.try_command(&parts),
        }
    }
}

/// `CLIENT PAUSE` for the duration of a fault.
fn pause_of(fault: &Fault) -> [String; 4] {
    let mode = if fault.number == 0 { "WRITE" } else { "ALL" };
    ["CLIENT".to_owned(), "PAUSE".to_owned(), fault.duration.as_millis().to_string(), mode.to_owned()]
}
