/// The servers that store the sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topology {
    Cluster,
    Sentinel,
}

/// A fault of the servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A primary is killed.
    Kill,
    /// A primary is suspended for a while.
    Freeze,
    /// A manual failover.
    Graceful,
    /// Slots with sessions move, slot by slot.
    Reshard,
    /// Slots with sessions move atomically.
    Migrate,
    /// A replica is killed.
    Replica,
    /// The network between clients and a primary forwards nothing for a while.
    Silence,
}

impl Topology {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Cluster, Self::Sentinel].into_iter().find(|topology| topology.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }

    /// The possible faults.
    pub(crate) const fn faults(self) -> &'static [Fault] {
        match self {
            Self::Cluster => &FAULTS,
            Self::Sentinel => &[Fault::Kill, Fault::Freeze, Fault::Graceful],
        }
    }
}

impl Fault {
    pub(crate) fn named(name: &str) -> Option<Self> {
        FAULTS.into_iter().find(|fault| fault.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Graceful => "graceful",
            Self::Reshard => "reshard",
            Self::Migrate => "migrate",
            Self::Replica => "replica",
            Self::Silence => "silence",
        }
    }

    /// Whether another primary has to be elected.
    pub(crate) const fn elects(self) -> bool {
        matches!(self, Self::Kill | Self::Freeze | Self::Graceful)
    }

    /// Whether the victim is unavoidably unavailable for a while.
    pub(crate) const fn is_outage(self) -> bool {
        self.elects() || matches!(self, Self::Silence)
    }

    /// Whether the failing server may lose acknowledged writes.
    pub(crate) const fn may_lose(self) -> bool {
        matches!(self, Self::Kill | Self::Freeze)
    }
}

const FAULTS: [Fault; 7] = [
    Fault::Kill,
    Fault::Freeze,
    Fault::Graceful,
    Fault::Reshard,
    Fault::Migrate,
    Fault::Replica,
    Fault::Silence,
];
