use std::time::Duration;

use crate::faults::Fault;
use crate::life::{Life, Moment};
use crate::reader::Read;
use crate::writer::Operation;

/// All measurements of one fault.
pub(crate) struct Measurement {
    pub(crate) fault: Fault,
    pub(crate) fault_at: Moment,
    pub(crate) until: Moment,
    /// How long after the fault most nodes reported another primary.
    pub(crate) elected: Option<Duration>,
    /// The duration of the fault, if it has an end.
    pub(crate) lasted: Option<Duration>,
    /// The longest delay of the nodes' runtime, and of an idle thread.
    pub(crate) hiccups: [Duration; 2],
    /// The number of `ASK` and `MOVED` redirections of a cluster.
    pub(crate) redirections: Option<[u64; 2]>,
    pub(crate) sessions: Vec<Session>,
}

/// The operations and reads of one session and its successors.
pub(crate) struct Session {
    pub(crate) victim: bool,
    pub(crate) operations: Vec<Operation>,
    pub(crate) lives: Vec<Life>,
    pub(crate) reads: Vec<Read>,
    /// The numbers in the final records, by life.
    pub(crate) found: Vec<Option<Vec<u32>>>,
}
