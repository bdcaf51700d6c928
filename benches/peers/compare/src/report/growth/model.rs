use crate::results::{Growth, ServerCost};
use crate::statistics::median;

/// What a server spends, in microseconds of CPU time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// A write, without its message.
    pub(super) save: f64,
    /// A message of a write, for each subscriber.
    pub(super) message: f64,
    /// A write with tracking, without announcements.
    pub(super) tracked_save: f64,
    /// An announcement to a node that has read the session, and its next load.
    pub(super) announcement: f64,
    /// A load after a message.
    pub(super) load: f64,
    /// A message of another primary, without the subscribers.
    pub(super) forwarded: f64,
}

/// How invalidations reach the nodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FleetTransport {
    PubSub,
    /// A channel for each primary. handstamp does not have this transport.
    ShardedPubSub,
    Tracking,
}

/// Where the requests of a session go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Routing {
    /// Always to the same node.
    Sticky,
    /// To any node.
    Spread,
}

/// Nodes, sessions and writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fleet {
    pub(super) nodes: f64,
    pub(super) primaries: f64,
    pub(super) sessions: f64,
    pub(super) writes_per_second: f64,
    pub(super) routing: Routing,
}

impl Costs {
    /// From measurements with one operation in flight, or with many.
    pub(super) fn of(measured: &Growth, many: bool) -> Self {
        let wanted = |costs: &[ServerCost]| -> Vec<(f64, f64)> {
            let costs = costs.iter().filter(|cost| (cost.in_flight > 1) == many);
            costs.map(|cost| (median(&cost.receivers), median(&cost.microseconds))).collect()
        };
        let (save, message) = line(&wanted(&measured.pubsub));
        // One in flight: a load that comes alone, as with the first reader. Loads of several readers come together.
        let readers = |costs: &[ServerCost]| {
            let points = wanted(costs);
            line(if many { &points } else { &points[..points.len().min(2)] })
        };
        let (tracked_save, announcement) = readers(&measured.tracking);
        let (_, message_and_load) = readers(&measured.loads);
        let load = (message_and_load - message).max(0.0);
        let forwarded =
            measured.cluster.iter().find(|cost| cost.command == "PUBLISH" && cost.subscribers == 0);
        let forwarded = forwarded.map_or(0.0, |cost| median(&cost.microseconds_elsewhere));
        Self { save, message, tracked_save, announcement, load, forwarded }
    }
}

impl FleetTransport {
    pub(super) const ALL: [Self; 3] = [Self::PubSub, Self::ShardedPubSub, Self::Tracking];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::PubSub => "Pub/Sub",
            Self::ShardedPubSub => "sharded Pub/Sub",
            Self::Tracking => "tracking",
        }
    }
}

impl Fleet {
    /// How many nodes other than the writing one have a session in their caches when it is written.
    pub(super) fn holders(&self) -> f64 {
        if self.routing == Routing::Sticky {
            return 0.0;
        }
        // Reads of the session since its last write, but not longer ago than caches keep it.
        let reads = READS_PER_WRITE * (CACHE_SECONDS * self.writes_per_second / self.sessions).min(1.0);
        (self.nodes - 1.0) * (1.0 - (1.0 - 1.0 / self.nodes).powf(reads))
    }

    /// Messages that a node receives in a second.
    pub(super) fn messages_per_node(&self, transport: FleetTransport) -> f64 {
        self.writes_per_second
            * match transport {
                // From each primary, because they forward it to each other.
                FleetTransport::PubSub => self.primaries,
                FleetTransport::ShardedPubSub => 1.0,
                FleetTransport::Tracking => (self.holders() + 1.0) / self.nodes,
            }
    }

    /// Cores that the busiest primary needs. Sessions are spread evenly.
    pub(super) fn cores_per_primary(&self, transport: FleetTransport, costs: &Costs) -> f64 {
        let fan_out = self.nodes * costs.message;
        // In units of writes to this primary, of which the others have as many.
        let others = self.primaries - 1.0;
        let cost = match transport {
            FleetTransport::PubSub => {
                costs.save + fan_out + others * (costs.forwarded + fan_out) + self.holders() * costs.load
            }
            FleetTransport::ShardedPubSub => costs.save + fan_out + self.holders() * costs.load,
            FleetTransport::Tracking => costs.tracked_save + self.holders() * costs.announcement,
        };
        self.writes_per_second / self.primaries * cost / 1e6
    }

    /// Writes a second that keep the busiest primary fully busy.
    pub(super) fn capacity(&self, transport: FleetTransport, costs: &Costs) -> f64 {
        self.writes_per_second / self.cores_per_primary(transport, costs)
    }

    /// The transport with the least work for the servers.
    pub(super) fn cheapest(&self, costs: &Costs) -> FleetTransport {
        let work = |transport: &FleetTransport| self.cores_per_primary(*transport, costs);
        let cheapest = FleetTransport::ALL.into_iter().min_by(|one, other| work(one).total_cmp(&work(other)));
        cheapest.unwrap_or(FleetTransport::PubSub)
    }
}

/// The line through these points with the least squares: its value at zero, and its slope. Neither is negative.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len().max(1) as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = if variance > 0.0 { (covariance / variance).max(0.0) } else { 0.0 };
    ((y - slope * x).max(0.0), slope)
}

/// Most requests read.
pub(super) const READS_PER_WRITE: f64 = 10.0;
/// The default of handstamp.
pub(super) const CACHE_SECONDS: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs =
        Costs { save: 20.0, message: 2.0, tracked_save: 22.0, announcement: 10.0, load: 8.0, forwarded: 3.0 };

    fn fleet(nodes: f64, primaries: f64, routing: Routing) -> Fleet {
        Fleet { nodes, primaries, sessions: 1_000.0, writes_per_second: 1_000.0, routing }
    }

    #[test]
    fn a_line_is_found() {
        let (start, slope) = line(&[(0.0, 5.0), (1.0, 7.0), (3.0, 11.0)]);
        assert!((start - 5.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9);
        assert_eq!(line(&[(4.0, 3.0)]), (3.0, 0.0));
    }

    #[test]
    fn sticky_sessions_are_on_no_other_node_and_spread_ones_on_at_most_all() {
        assert_eq!(fleet(100.0, 1.0, Routing::Sticky).holders(), 0.0);
        let few = fleet(2.0, 1.0, Routing::Spread).holders();
        assert!(few > 0.99 && few < 1.0, "{few}");
        let many = fleet(1_000.0, 1.0, Routing::Spread).holders();
        assert!(many > 9.0 && many < READS_PER_WRITE, "{many}");
        assert_eq!(fleet(1.0, 1.0, Routing::Spread).holders(), 0.0);
    }

    #[test]
    fn entries_of_rarely_used_sessions_have_expired() {
        let busy = fleet(100.0, 1.0, Routing::Spread);
        assert!(Fleet { sessions: 1e7, ..busy }.holders() < busy.holders() / 100.0);
    }

    #[test]
    fn more_primaries_do_not_help_a_channel_that_all_of_them_carry() {
        let one = fleet(300.0, 1.0, Routing::Sticky).capacity(FleetTransport::PubSub, &COSTS);
        let three = fleet(300.0, 3.0, Routing::Sticky).capacity(FleetTransport::PubSub, &COSTS);
        let sharded = fleet(300.0, 3.0, Routing::Sticky).capacity(FleetTransport::ShardedPubSub, &COSTS);
        assert!(three < one * 1.1, "{one} {three}");
        assert!((sharded / one - 3.0).abs() < 0.01, "{one} {sharded}");
    }

    #[test]
    fn a_channel_is_cheapest_for_one_node_and_tracking_for_many() {
        assert_ne!(fleet(1.0, 1.0, Routing::Sticky).cheapest(&COSTS), FleetTransport::Tracking);
        assert_eq!(fleet(300.0, 1.0, Routing::Spread).cheapest(&COSTS), FleetTransport::Tracking);
        assert_eq!(fleet(3.0, 1.0, Routing::Spread).messages_per_node(FleetTransport::PubSub), 1_000.0);
    }
}
