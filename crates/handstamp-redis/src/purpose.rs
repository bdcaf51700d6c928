use std::fmt;

/// What a connection is for. Its name in `CLIENT LIST` says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Commands,
    Discovery,
    DurableWrites,
    Invalidations,
    ReplicaReads,
    Sentinel,
    WriteChecks,
}

impl Purpose {
    /// The name of a connection of this node. Servers accept only visible ASCII in it.
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

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commands => "commands",
            Self::Discovery => "discovery",
            Self::DurableWrites => "durable-writes",
            Self::Invalidations => "invalidations",
            Self::ReplicaReads => "replica-reads",
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
            assert_eq!(Purpose::Commands.client_name(node), name, "{node:?}");
        }
        assert!(Purpose::DurableWrites.client_name(Some(&"x".repeat(500))).len() < 150);
    }
}
