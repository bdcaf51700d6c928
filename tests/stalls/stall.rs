use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fleet::Fleet;
use crate::server::Server;

/// The cost of one stall.
pub(crate) struct Stall {
    length: Duration,
    loads: u64,
    clears: u64,
    connections: u64,
    errors: u64,
    calm_after: Duration,
}

impl Stall {
    /// The header of the table.
    pub(crate) const HEAD: &str = "| stall (s) | loads | clears | connections | read errors | calm after (s) |\n\
                                   |---|---|---|---|---|---|";

    pub(crate) async fn measure(server: &Server, fleet: &Fleet, length: Duration) -> Self {
        let before = Self::counts(server, fleet);
        if !length.is_zero() {
            server.pause();
            sleep(length).await;
            server.resume();
        }
        let over = Instant::now();
        // The last fence may expire only now.
        sleep(MAX_STALENESS).await;
        fleet.reads().until_calm().await;
        let calm_after =
            fleet.reads().last_miss().map_or(Duration::ZERO, |miss| miss.saturating_duration_since(over));
        let [loads, clears, connections, errors] = Self::counts(server, fleet);
        Self {
            length,
            loads: loads - before[0],
            clears: clears - before[1],
            // Without those of the queries for the counts.
            connections: (connections - before[2]).saturating_sub(2),
            errors: errors - before[3],
            calm_after,
        }
    }

    fn counts(server: &Server, fleet: &Fleet) -> [u64; 4] {
        [server.loads(), fleet.clears(), server.connections(), fleet.reads().errors()]
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, loads, clears, connections, errors, calm_after } = self;
        let [length, calm_after] = [length, calm_after].map(Duration::as_secs_f64);
        write!(f, "| {length:.1} | {loads} | {clears} | {connections} | {errors} | {calm_after:.2} |")
    }
}

/// The default of nodes.
const MAX_STALENESS: Duration = Duration::from_secs(2);
