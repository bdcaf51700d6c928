use std::time::Duration;

use fastrand::Rng;

use super::fault::{Fault, Kind, Target};
use crate::fleet::NODES;
use crate::servers::Servers;

/// Picks faults at random, but every kind once before any kind again, so that a short run has all of them.
pub(super) struct FaultPicker {
    pub(super) kinds: Vec<Kind>,
    pub(super) remaining: Vec<Kind>,
    /// How long a primary can be suspended without a failover.
    pub(super) longest_suspension: Duration,
    /// Whether each node has its own link to the servers.
    pub(super) links: bool,
}

impl FaultPicker {
    pub(super) fn of(servers: &Servers) -> Self {
        let kinds =
            [Kind::KillNode, Kind::StopNode, Kind::RotateSecret].into_iter().chain(servers.kinds()).collect();
        let links = matches!(servers, Servers::One(_));
        Self { kinds, remaining: Vec::new(), longest_suspension: servers.longest_suspension(), links }
    }

    pub(super) fn pick(&mut self, rng: &mut Rng) -> Fault {
        if self.remaining.is_empty() {
            self.remaining.extend(&self.kinds);
            rng.shuffle(&mut self.remaining);
        }
        let kind = self.remaining.pop().unwrap_or(Kind::KillNode);
        let longest = if kind == Kind::StopServer { 4_000 } else { 5_000 };
        // Half of the faults are short.
        let millis = match kind {
            Kind::KillNormalClients | Kind::KillPubsubClients => 0,
            _ if rng.bool() => rng.u64(100..1_000),
            _ => rng.u64(1_000..longest),
        };
        let mut duration = Duration::from_millis(millis);
        if matches!(kind, Kind::StopPrimaryBriefly | Kind::PauseClients) {
            duration = duration.min(self.longest_suspension);
        }
        let number = rng.usize(..NODES);
        let target = match kind {
            Kind::KillNode | Kind::StopNode => Target::Node(number),
            Kind::RotateSecret => Target::AllNodes,
            _ if self.links && kind.is_of_link() => Target::Link(number),
            _ => Target::Servers,
        };
        Fault { kind, number, duration, delay: Duration::from_millis(rng.u64(10..150)), target }
    }
}
