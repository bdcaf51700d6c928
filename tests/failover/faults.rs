/// What the sessions lie in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topology {
    Cluster,
    Sentinel,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A primary ends at once.
    Kill,
    /// A primary stands still for a while.
    Freeze,
    /// A replica takes over from a primary while both are well.
    Graceful,
    /// Slots with sessions move, one after the other.
    Reshard,
    /// Slots with sessions move in one go.
    Migrate,
    /// A replica ends at once.
    Replica,
    /// Clients and a primary do not hear of each other for a while.
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

    /// What can happen to it.
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

    /// Whether Redis has to name another primary before anybody can go on.
    pub(crate) const fn elects(self) -> bool {
        matches!(self, Self::Kill | Self::Freeze | Self::Graceful)
    }

    /// Whether the victim cannot be reached for a while, whatever we do.
    pub(crate) const fn is_outage(self) -> bool {
        self.elects() || matches!(self, Self::Silence)
    }

    /// Whether servers that fail may take writes with them which they have acknowledged.
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
