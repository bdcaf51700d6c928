use std::time::Duration;

use crate::faults::Fault;
use crate::life::{Life, Moment};
use crate::reader::Read;
use crate::writer::Operation;

/// All that was seen of one fault.
pub(crate) struct Measurement {
    pub(crate) fault: Fault,
    pub(crate) fault_at: Moment,
    pub(crate) until: Moment,
    /// How long after the fault most nodes named another primary.
    pub(crate) elected: Option<Duration>,
    /// How long the fault lasted, where it has an end.
    pub(crate) lasted: Option<Duration>,
    /// By how much the runtime of the nodes was late at most, and a thread that does nothing.
    pub(crate) hiccups: [Duration; 2],
    /// How often nodes of a cluster answered `ASK` and `MOVED`.
    pub(crate) redirections: Option<[u64; 2]>,
    pub(crate) sessions: Vec<Session>,
}

/// What was asked and answered for one session and its successors.
pub(crate) struct Session {
    pub(crate) victim: bool,
    pub(crate) operations: Vec<Operation>,
    pub(crate) lives: Vec<Life>,
    pub(crate) reads: Vec<Read>,
    /// The numbers in the records that there are in the end, by life.
    pub(crate) found: Vec<Option<Vec<u32>>>,
}
