use std::sync::Arc;

use tokio::sync::broadcast;

use crate::{CircuitEvent, ReadFrom, RedisConfig};

/// The state that all connections of a client share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<RedisConfig>,
    pub(crate) circuit_events: broadcast::Sender<CircuitEvent>,
}

impl Shared {
    pub(crate) fn new(config: RedisConfig) -> Self {
        if config.read_from == ReadFrom::Replica && !config.reads_from_replicas() {
            tracing::warn!("with tracking, all reads go to the primary");
        }
        Self { config: Arc::new(config), circuit_events: broadcast::Sender::new(CIRCUIT_EVENTS) }
    }
}

/// A receiver that falls this many events behind loses the oldest.
const CIRCUIT_EVENTS: usize = 64;
