use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{ClusteredStore, Lookup, StoreError};
use parking_lot::Mutex;

use crate::life::Moment;
use crate::nodes::kind;
use crate::run::Pace;
use crate::writer::decode;

/// The result of a read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// The index of the session among its successors.
    pub(crate) life: usize,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) cached: bool,
    pub(crate) result: Result<Option<Arc<Record>>, String>,
}

/// The keys of the sessions so far.
pub(crate) type Keys = Arc<Mutex<Vec<SessionKey>>>;

/// Reads like a request, at this pace.
pub(crate) async fn run(node: Arc<ClusteredStore>, keys: Keys, pace: Pace) -> Vec<Read> {
    let mut ticks = pace.ticks(EVERY);
    let mut reads = Vec::new();
    for count in 1_usize.. {
        ticks.tick().await;
        if pace.is_over() {
            break;
        }
        let chosen = {
            let keys = keys.lock();
            let last = keys.len().checked_sub(1);
            let life = last.map(|last| last.saturating_sub(usize::from(count.is_multiple_of(PAST_EVERY))));
            life.map(|life| (life, keys[life]))
        };
        let Some((life, key)) = chosen else { continue };
        let start = pace.now();
        let cached = node.lookup(&key, tokio::time::Instant::now().into_std());
        let is_cached = cached.is_some();
        let found: Result<Lookup<Arc<Record>>, StoreError> = match cached {
            Some(lookup) => Ok(lookup),
            None => node.load(&key, decode).await,
        };
        let result = found.map(Option::from).map_err(|error| kind(&error));
        reads.push(Read { life, start, end: pace.now(), cached: is_cached, result });
    }
    reads
}

const EVERY: Duration = Duration::from_millis(100);
/// Every fourth read is for the previous session.
const PAST_EVERY: usize = 4;
