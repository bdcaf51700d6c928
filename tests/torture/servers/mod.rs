//! The servers that keep the sessions, and what can go wrong with them.

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
use crate::slots::Part;

/// All of them write every change to disk before they acknowledge it.
pub(crate) enum Servers {
    One(One),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

/// What a fault of the servers means for the sessions.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// Which server it is about.
    pub(crate) server: usize,
    /// Whose sessions it concerns.
    pub(crate) part: Part,
    /// When the servers may have acknowledged what they then lost.
    pub(crate) doubts: Vec<Range<Instant>>,
    /// When another had taken over, if one had to.
    pub(crate) taken_over: Option<Instant>,
}

impl Trouble {
    /// Of `server`, whose loss the sessions of `part` feel.
    const fn of(server: usize, part: Part) -> Self {
        Self { server, part, doubts: Vec::new(), taken_over: None }
    }

    /// From `then` until now, a primary that is replaced may have acknowledged writes that no replica has: replication is
    /// asynchronous.
    fn doubt_since(&mut self, then: Instant) {
        self.doubts.push(then..Instant::now());
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

    /// What a node has to know of them.
    pub(crate) fn settings(&self, node: usize) -> Vec<(&'static str, String)> {
        let (url, replicas) = match self {
            Self::One(one) => (one.url(node), 0),
            Self::Sentinel(sentinel) => (sentinel.url(), Sentinel::REPLICAS),
            Self::Cluster(cluster) => (cluster.url(), 1),
        };
        vec![("REDIS_URL", url), ("REDIS_WAIT_REPLICAS", replicas.to_string())]
    }

    /// What can go wrong with them, and on the way to them.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::One(_) => One::KINDS.into(),
            Self::Sentinel(_) => Sentinel::KINDS.into(),
            Self::Cluster(cluster) => cluster.kinds(),
        }
    }

    /// How long a primary may be silent without another taking its place.
    pub(crate) const fn patience(&self) -> Duration {
        match self {
            Self::One(_) => Duration::MAX,
            Self::Sentinel(_) => Sentinel::PATIENCE,
            Self::Cluster(_) => Cluster::PATIENCE,
        }
    }

    /// The servers that take writes.
    pub(crate) fn primaries(&self) -> BTreeSet<usize> {
        match self {
            Self::One(_) => BTreeSet::from([0]),
            Self::Sentinel(sentinel) => BTreeSet::from([sentinel.primary()]),
            Self::Cluster(cluster) => cluster.primaries(),
        }
    }

    pub(crate) async fn begin(&mut self, fault: &Fault) -> Trouble {
        match self {
            Self::One(one) => one.begin(fault).await,
            Self::Sentinel(sentinel) => sentinel.begin(fault).await,
            Self::Cluster(cluster) => cluster.begin(fault).await,
        }
    }

    /// Where a primary is away for so long that another takes over, waits for that.
    pub(crate) async fn until_taken_over(&self, fault: &Fault, trouble: &mut Trouble) {
        if matches!(fault.kind, Kind::KillPrimary | Kind::StopPrimary) && trouble.taken_over.is_none() {
            match self {
                Self::One(_) => return,
                Self::Sentinel(sentinel) => sentinel.until_taken_over(trouble.server).await,
                Self::Cluster(cluster) => cluster.until_taken_over(trouble.server).await,
            }
            trouble.taken_over = Some(Instant::now());
        }
    }

    /// Ends it, and waits until all servers are well: another failure before that may lose data, and rightly so.
    pub(crate) async fn end(&mut self, fault: &Fault, trouble: &mut Trouble) {
        self.until_taken_over(fault, trouble).await;
        match self {
            Self::One(one) => one.end(fault).await,
            Self::Sentinel(sentinel) => sentinel.end(fault, trouble).await,
            Self::Cluster(cluster) => cluster.end(fault, trouble).await,
        }
    }

    /// Publishes a message, if there is a server that takes it.
    pub(crate) fn publish(&self, channel: &str, message: &[u8]) {
        let parts = [&b"PUBLISH"[..], channel.as_bytes(), message];
        match self {
            Self::One(one) => one.try_command(&parts),
            Self::Sentinel(sentinel) => sentinel.try_command(&parts),
            Self::Cluster(cluster) => cluster.try_command(&parts),
        }
    }
}

/// `CLIENT PAUSE` for as long as a fault lasts.
fn pause_of(fault: &Fault) -> [String; 4] {
    let mode = if fault.number == 0 { "WRITE" } else { "ALL" };
    ["CLIENT".to_owned(), "PAUSE".to_owned(), fault.lasts.as_millis().to_string(), mode.to_owned()]
}
