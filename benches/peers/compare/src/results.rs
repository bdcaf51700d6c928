use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subjects::{Error, Placement};

use crate::machine::Machine;
use crate::quiet::Quietness;

/// What a part has found: every value, so that the report can be written again.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results<T> {
    pub(crate) command: String,
    pub(crate) machine: Machine,
    /// Missing in results of earlier versions.
    pub(crate) quietness: Option<Quietness>,
    pub(crate) rows: T,
}

/// Requests without a network.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct InProcessRows {
    pub(crate) requests: Vec<InProcess>,
    pub(crate) parts: Vec<PartOfRead>,
    /// Allocations for each invalidation that a node handles, by whose it is.
    pub(crate) message_allocations: Vec<(String, f64)>,
}

/// Requests of one kind to one application.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct InProcess {
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) placement: Placement,
    /// Nanoseconds a request, by block.
    pub(crate) nanoseconds: Vec<f64>,
    /// The same, less those of the bare router in the same round.
    pub(crate) added: Vec<f64>,
    /// CPU time of the process for a request, by block.
    pub(crate) cpu_nanoseconds: Vec<f64>,
    pub(crate) allocations: f64,
    pub(crate) allocated_bytes: f64,
    pub(crate) foreign_cpu: f64,
}

/// A part that no cached read can do without.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PartOfRead {
    pub(crate) name: String,
    pub(crate) nanoseconds: Vec<f64>,
}

/// Requests of one kind to one server. Every list has an entry for each round.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Http {
    pub(crate) path: String,
    pub(crate) subject: String,
    pub(crate) requests_per_second: Vec<f64>,
    /// Compared with the bare router in the same round.
    pub(crate) ratio: Vec<f64>,
    pub(crate) p50_microseconds: Vec<f64>,
    pub(crate) p99_microseconds: Vec<f64>,
    pub(crate) errors: u64,
    pub(crate) foreign_cpu: Vec<f64>,
}

/// The resident memory of a process before and after it has cached sessions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) subject: String,
    pub(crate) sessions: usize,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

/// What requests of one kind send to Redis.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RoundTrips {
    pub(crate) subject: String,
    pub(crate) request: String,
    pub(crate) requests: u32,
    /// How often Redis has read from the connections of the application, for each request.
    pub(crate) round_trips: f64,
    /// The commands for each request, including those in scripts, by name.
    pub(crate) commands: Vec<(String, f64)>,
}

/// The time from a change to its effect elsewhere, in microseconds. Every list has an entry for each change.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    pub(crate) subject: String,
    /// From the begin of the write, or of the `PUBLISH`.
    pub(crate) from_begin: Vec<f64>,
    /// From its acknowledgement.
    pub(crate) from_acknowledgement: Vec<f64>,
}

/// The CPU time that a node spends on a message.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct MessageCost {
    /// The node, or a bare subscriber.
    pub(crate) subject: String,
    /// Whose message it is.
    pub(crate) message: String,
    /// Whether messages come as fast as Redis sends them, or each after the `PUBLISH` before it has returned.
    pub(crate) flood: bool,
    /// Nanoseconds a message, by block.
    pub(crate) nanoseconds: Vec<f64>,
}

/// The CPU time that a node spends on a message that has arrived.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct HandlingCost {
    /// Whose message it is.
    pub(crate) message: String,
    /// Nanoseconds a message, by block.
    pub(crate) nanoseconds: Vec<f64>,
}

/// The time and the cost of invalidations.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Invalidations {
    pub(crate) latencies: Vec<Latency>,
    /// From the connection to the cache.
    pub(crate) costs: Vec<MessageCost>,
    /// Without the connection.
    pub(crate) handling: Vec<HandlingCost>,
}

/// Loads or saves that are in flight together. Every list has an entry for each block.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct InFlight {
    pub(crate) operation: String,
    pub(crate) subject: String,
    pub(crate) in_flight: usize,
    pub(crate) per_second: Vec<f64>,
    /// CPU time of the client for each operation.
    pub(crate) cpu_microseconds: Vec<f64>,
    pub(crate) p50_microseconds: Vec<f64>,
    pub(crate) p99_microseconds: Vec<f64>,
}

/// Reads of one session, by one thread and by two. Every list has an entry for each round: nanoseconds a read on each thread.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct HotSession {
    pub(crate) subject: String,
    pub(crate) one_thread: Vec<f64>,
    pub(crate) two_threads: Vec<f64>,
    /// Two threads, with a session each.
    pub(crate) two_sessions: Vec<f64>,
}

/// What nodes, sessions and writes cost the servers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Growth {
    /// Writes whose invalidations go to a number of subscribers.
    pub(crate) pubsub: Vec<ServerCost>,
    /// Writes that the server announces to a number of nodes, which load the session again.
    pub(crate) tracking: Vec<ServerCost>,
    /// Writes with subscribers that load a session after each message.
    pub(crate) loads: Vec<ServerCost>,
    /// Messages in a cluster, by command: `PUBLISH` or `SPUBLISH`.
    pub(crate) cluster: Vec<ClusterCost>,
    /// Writes with real nodes, to check the model.
    pub(crate) checks: Vec<ServerCost>,
    pub(crate) memory: ServerMemory,
}

/// CPU time of a server for each operation. The lists have an entry for each block.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ServerCost {
    pub(crate) name: String,
    pub(crate) in_flight: usize,
    /// To how many the server has sent each write.
    pub(crate) receivers: Vec<f64>,
    pub(crate) microseconds: Vec<f64>,
    pub(crate) per_second: Vec<f64>,
}

/// CPU time of the primary that publishes, and of another one, for each message.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ClusterCost {
    pub(crate) command: String,
    /// On each of both.
    pub(crate) subscribers: usize,
    pub(crate) microseconds: Vec<f64>,
    pub(crate) microseconds_elsewhere: Vec<f64>,
}

/// Bytes of the memory of a server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ServerMemory {
    pub(crate) sessions: usize,
    pub(crate) each_session: f64,
    /// For a session that one node has read, with tracking.
    pub(crate) tracked_by_one: f64,
    /// For each further node.
    pub(crate) tracked_by_another: f64,
    pub(crate) each_subscriber: f64,
}

impl<T: Serialize> Results<T> {
    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        Ok(fs::write(folder.join(name).with_extension("json"), serde_json::to_string(self)? + "\n")?)
    }
}

impl<T: DeserializeOwned> Results<T> {
    /// The results of this name, if there are any.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<Self>, Error> {
        let file = folder.join(name).with_extension("json");
        if !file.exists() {
            return Ok(None);
        }
        let results = serde_json::from_str(&fs::read_to_string(&file)?);
        results.map(Some).map_err(|error| format!("{}: {error}. Measure again", file.display()).into())
    }
}
