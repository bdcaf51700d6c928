use std::fmt;

/// The purpose of a connection, as its name in `CLIENT LIST` says: `handstamp:<role>:<name of the node>`.
///
/// The first three have a circuit breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionRole {
    /// All commands for a primary that are not durable writes.
    Commands,
    /// Writes that wait for replicas.
    DurableWrites,
    /// Reads from a replica.
    ReplicaReads,
    /// Queries for the layout of a cluster.
    Discovery,
    /// Subscriptions.
    Invalidations,
    /// Queries for the primary, and events of Sentinels.
    Sentinel,
    /// Checks of writes.
    WriteChecks,
}

impl ConnectionRole {
    /// The name of a connection of this node. Servers accept only visible ASCII.
    pub(crate) fn client_name(self, node: Option<&str>) -> String {
        let visible = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
        match node.filter(|node| !node.is_empty()) {
            Some(node) => {
                let node: String = node.chars().map(visible).take(LONGEST_NODE).collect();
                format!("handstamp:{self}:{node}")
            }
            None => format!("handstamp:{self}"),
        }
    }
}

impl fmt::Display for ConnectionRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commands => "commands",
            Self::DurableWrites => "durable-writes",
            Self::ReplicaReads => "replica-reads",
            Self::Discovery => "discovery",
            Self::Invalidations => "invalidations",
            Self::Sentinel => "sentinel",
            Self::WriteChecks => "write-checks",
        })
    }
}

/// Servers keep the name for each connection, and repeat it in logs.
const LONGEST_NODE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_ascii() {
        for (node, name) in [
            (None, "handstamp:commands"),
            (Some(""), "handstamp:commands"),
            (Some("node-1"), "handstamp:commands:node-1"),
            (Some("two words\r\nä"), "handstamp:commands:two_words___"),
        ] {
            assert_eq!(ConnectionRole::Commands.client_name(node), name, "{node:?}");
        }
        assert!(ConnectionRole::DurableWrites.client_name(Some(&"x".repeat(500))).len() < 150);
    }
}
