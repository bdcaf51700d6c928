use std::sync::Arc;

use tokio::sync::broadcast;

use crate::{CircuitEvent, ReadFrom, RedisConfig};

/// What all primaries of a store have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<RedisConfig>,
    pub(crate) events: broadcast::Sender<CircuitEvent>,
}

impl Shared {
    pub(crate) fn new(config: RedisConfig) -> Self {
        if config.read_from == ReadFrom::Replica && !config.reads_from_replicas() {
            tracing::warn!("with tracking, all reads go to the primary");
        }
        Self { config: Arc::new(config), events: broadcast::Sender::new(EVENTS) }
    }
}

/// Whoever is this many events behind loses some, and is told so.
const EVENTS: usize = 64;
