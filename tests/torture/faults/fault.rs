use std::fmt;
use std::time::Duration;

use handstamp_testkit::Direction;
use handstamp_testkit::Proxy;
use tokio::time::sleep;

use crate::fleet::{Fleet, NODES};
use crate::servers::FaultEffect;

/// The kinds of faults. `Servers::kinds` returns those of a topology.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    KillNode,
    StopNode,
    /// All nodes restart, one after the other, and sign with another secret. Meanwhile, the nodes sign with different secrets.
    RotateSecret,
    KillServer,
    StopServer,
    /// At least until another server has taken over. It comes back as a replica.
    KillPrimary,
    StopPrimary,
    /// Too short for a failover.
    StopPrimaryBriefly,
    /// A manual failover.
    FailOver,
    KillReplica,
    KillSentinel,
    /// Slot by slot, with a pause after each step.
    MoveSlots,
    MoveSlotsAtomically,
    /// A primary is added, serves for a while, and is removed.
    ScaleOut,
    /// `CLIENT PAUSE`.
    PauseClients,
    KillNormalClients,
    KillPubsubClients,
    /// A server's data is not forwarded, and connections stay open.
    BlockFromServer,
    BlockToServer,
    BlockLink,
    SlowLink,
    CutLink,
    /// Redis closes a subscription whose messages are not read.
    FullBuffers,
}

/// Two faults of the same target cannot be combined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    Servers,
    AllNodes,
    Node(usize),
    /// The proxy of a node, if every node has its own.
    Link(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The number of the node, link or server.
    pub(crate) number: usize,
    pub(crate) duration: Duration,
    /// The delay of a link in each direction, from negligible to longer than a node waits; or the pause between steps.
    pub(crate) delay: Duration,
    pub(super) target: Target,
}

impl Kind {
    pub(super) const fn is_of_link(self) -> bool {
        matches!(
            self,
            Self::BlockFromServer
                | Self::BlockToServer
                | Self::BlockLink
                | Self::SlowLink
                | Self::CutLink
                | Self::FullBuffers
        )
    }
}

impl Fault {
    /// The time between begin and end. Some kinds are done as a whole in `end`.
    pub(super) const fn pause_before_end(&self) -> Duration {
        match self.kind {
            Kind::FailOver
            | Kind::MoveSlots
            | Kind::MoveSlotsAtomically
            | Kind::ScaleOut
            | Kind::RotateSecret => Duration::ZERO,
            _ => self.duration,
        }
    }

    pub(super) fn can_combine_with(&self, other: &Self) -> bool {
        // Full buffers affect a link and the servers.
        let alone = |fault: &Self| fault.kind == Kind::FullBuffers;
        let are_nodes = matches!(
            (self.target, other.target),
            (Target::AllNodes, Target::Node(_)) | (Target::Node(_), Target::AllNodes)
        );
        self.target != other.target && !are_nodes && !alone(self) && !alone(other)
    }

    pub(super) async fn begin(&self, fleet: &mut Fleet) -> Option<FaultEffect> {
        match self.kind {
            Kind::KillNode => fleet.kill_node(self.number),
            Kind::StopNode => fleet.pause_node(self.number),
            Kind::RotateSecret => fleet.rotate_secret(),
            _ => return Some(fleet.servers.begin(self).await),
        }
        None
    }

    pub(super) async fn end(&self, fleet: &mut Fleet, effect: Option<&mut FaultEffect>) {
        match (self.kind, effect) {
            (_, Some(effect)) => fleet.servers.end(self, effect).await,
            (Kind::KillNode, None) => fleet.restart_node(self.number).await,
            (Kind::RotateSecret, None) => {
                for node in 0..NODES {
                    fleet.kill_node(node);
                    fleet.restart_node(node).await;
                    sleep(self.duration / 4).await;
                }
            }
            (_, None) => fleet.resume_node(self.number),
        }
    }

    /// Begins a fault of a link.
    pub(crate) fn fail_link(&self, link: &Proxy) {
        match self.kind {
            Kind::BlockFromServer => link.block(Direction::ToClient),
            Kind::BlockToServer => link.block(Direction::ToServer),
            Kind::BlockLink => link.block(Direction::Both),
            Kind::SlowLink => link.delay(self.delay),
            Kind::CutLink => {
                link.reject_connections(true);
                link.disconnect();
            }
            _ => {}
        }
    }

    /// Ends a fault of a link.
    pub(crate) fn restore_link(&self, link: &Proxy) {
        match self.kind {
            Kind::BlockFromServer | Kind::BlockToServer | Kind::BlockLink => link.resume(),
            Kind::SlowLink => link.delay(Duration::ZERO),
            Kind::CutLink => link.reject_connections(false),
            _ => {}
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        if let Target::Node(number) | Target::Link(number) = self.target {
            write!(f, " of node {number}")?;
        }
        if matches!(self.kind, Kind::SlowLink | Kind::MoveSlots) {
            write!(f, " by {:?}", self.delay)?;
        }
        Ok(())
    }
}
