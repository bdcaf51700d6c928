use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The cluster as one of its nodes reports it: the parsed reply to `CLUSTER NODES`.
#[derive(Clone, Debug, Default)]
pub(super) struct ClusterView {
    nodes: BTreeMap<String, NodeInfo>,
    myself: String,
}

/// A node, as the reporting node sees it.
#[derive(Clone, Debug)]
pub(super) struct NodeInfo {
    flags: Vec<String>,
    /// The primary of a replica.
    pub(super) primary: Option<String>,
    /// The claim to a slot with the higher epoch is the newer one.
    epoch: u64,
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

impl ClusterView {
    pub(super) fn parse(nodes: &str) -> Self {
        let mut view = Self::default();
        for (id, seen) in nodes.lines().filter_map(parse_line) {
            if seen.is("myself") {
                view.myself.clone_from(&id);
            }
            view.nodes.insert(id, seen);
        }
        view
    }

    pub(super) fn node(&self, id: &str) -> Option<&NodeInfo> {
        self.nodes.get(id)
    }

    /// The reporting node.
    pub(super) fn myself(&self) -> Option<&NodeInfo> {
        self.node(&self.myself)
    }

    /// The epoch and the id of the owner of a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<(u64, &str)> {
        let (id, seen) = self.nodes.iter().find(|(_, seen)| seen.serves(slot))?;
        Some((seen.epoch, id))
    }

    /// Whether a node serves all of these slots.
    pub(super) fn is_served_by(&self, slots: &RangeInclusive<u16>, id: &str) -> bool {
        self.node(id).is_some_and(|seen| slots.clone().all(|slot| seen.serves(slot)))
    }
}

impl NodeInfo {
    /// Whether it is known to be reachable.
    pub(super) fn is_healthy(&self) -> bool {
        !["fail", "fail?", "handshake", "noaddr"].into_iter().any(|flag| self.is(flag))
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|has| has == flag)
    }

    fn serves(&self, slot: u16) -> bool {
        self.slots.iter().any(|range| range.contains(&slot))
    }
}

/// `<id> <address> <flags> <primary> <ping> <pong> <epoch> <link> <slots>...`
fn parse_line(line: &str) -> Option<(String, NodeInfo)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (&[id, _, flags, primary, _, _, epoch, _], slots) = words.split_first_chunk()?;
    let seen = NodeInfo {
        flags: flags.split(',').map(str::to_owned).collect(),
        primary: (primary != "-").then(|| primary.to_owned()),
        epoch: epoch.parse().ok()?,
        // Slots in brackets are being moved; the line of their owner also contains them without brackets.
        slots: slots.iter().filter_map(|slots| parse_slots(slots)).collect(),
    };
    Some((id.to_owned(), seen))
}

fn parse_slots(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
        aa 127.0.0.1:1@2 myself,master - 0 1 7 connected 0-99 101 [101->-bb]\n\
        bb 127.0.0.1:3@4,,tls-port=0,shard-id=s master,fail? - 0 1 8 disconnected 100 102-16383\n\
        cc 127.0.0.1:5@6 slave aa 0 1 7 connected\n";

    #[test]
    fn the_reply_of_a_node_is_parsed() {
        let view = ClusterView::parse(NODES);
        assert_eq!(view.myself().unwrap().slots, [0..=99, 101..=101]);
        assert_eq!(
            [99, 100, 101].map(|slot| view.owner(slot)),
            [Some((7, "aa")), Some((8, "bb")), Some((7, "aa"))]
        );
        assert_eq!(["aa", "bb", "cc"].map(|id| view.node(id).unwrap().is_healthy()), [true, false, true]);
        assert!(view.is_served_by(&(102..=16_383), "bb") && !view.is_served_by(&(101..=102), "bb"));
        assert_eq!(view.node("cc").unwrap().primary.as_deref(), Some("aa"));
        assert!(view.node("dd").is_none());
    }
}
