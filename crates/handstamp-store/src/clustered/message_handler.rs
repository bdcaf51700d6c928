use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::invalidation::{InvalidationMessage, MessageError, NodeId};
use handstamp_core::time::Timestamp;
use lru::LruCache;

use super::clear_throttle::ClearThrottle;
use super::node::Node;
use crate::{BusEvent, Shard};

/// Applies the events of one subscription to the caches of the node.
pub(super) struct MessageHandler {
    node: Arc<Node>,
    shard: Shard,
    pub(super) clears: ClearThrottle,
    /// When each node last sent a clear, by its own clock.
    last_clears: LruCache<NodeId, Timestamp>,
}

impl MessageHandler {
    pub(super) fn new(node: Arc<Node>, shard: Shard) -> Self {
        let clears = ClearThrottle::new(node.settings.clear_interval());
        Self { node, shard, clears, last_clears: LruCache::new(MAX_SENDERS) }
    }

    pub(super) fn apply(&mut self, event: &BusEvent) {
        match event {
            BusEvent::Message(message) => self.read(message),
            BusEvent::KeyChanged(key) => {
                self.node.counters.received();
                self.node.invalidate(key, None);
            }
        }
    }

    /// Drops what all caches have of the shard.
    pub(super) fn clear(&mut self) {
        self.node.clear_shard(self.shard);
        self.clears.cleared(self.node.clock.now());
    }

    fn read(&mut self, message: &[u8]) {
        let node = &self.node;
        if let Some((key, saved)) = node.sent_messages.take(message) {
            node.counters.received();
            return node.invalidate(&key, saved);
        }
        match node.codec.decode(message) {
            Ok(received) => {
                node.counters.received();
                match received.invalidation.session() {
                    Some((key, saved)) => node.invalidate(&key, saved),
                    None => self.clear_on_request(&received),
                }
            }
            Err(reason) => {
                node.counters.rejected(reason);
                tracing::debug!(%reason, "rejected a message on the invalidation bus");
                let now = node.clock.now();
                let clears = match reason {
                    // An authentic message of a node with a newer version.
                    MessageError::UnknownVersion => self.clears.request_unreadable(message, now),
                    MessageError::UnknownKey => {
                        if let Some(more) = node.log_limits.unknown_key.admit(now) {
                            tracing::warn!(
                                more,
                                "another node signs with a secret that this node does not have"
                            );
                        }
                        self.clears.request_doubtful(now)
                    }
                    MessageError::Forged | MessageError::Malformed | MessageError::Oversize => false,
                };
                if clears {
                    self.clear();
                }
            }
        }
    }

    /// A repeated or old clear is doubtful: anyone with access to the channel can publish a copy of it.
    fn clear_on_request(&mut self, invalidation: &InvalidationMessage) {
        let now = self.node.clock.now();
        let clears = match self.check_clear(invalidation) {
            Ok(()) => self.clears.request(now),
            // Every primary of a cluster sends a copy.
            Err(Doubt::Repeated) => false,
            Err(Doubt::Outdated) => {
                self.node.counters.outdated();
                self.clears.request_doubtful(now)
            }
        };
        if clears {
            self.clear();
        }
    }

    fn check_clear(&mut self, invalidation: &InvalidationMessage) -> Result<(), Doubt> {
        let InvalidationMessage { node, sent_at, .. } = invalidation;
        let last = self.last_clears.get(node);
        if last == Some(sent_at) {
            return Err(Doubt::Repeated);
        }
        let out_of_order = last.is_some_and(|last| sent_at < last);
        let age =
            self.node.time.at(self.node.clock.now()).map(|now| now.since(*sent_at).max(sent_at.since(now)));
        if out_of_order || age.is_some_and(|age| age > MAX_AGE) {
            return Err(Doubt::Outdated);
        }
        self.last_clears.put(node.clone(), *sent_at);
        Ok(())
    }
}

/// Why an authentic clear may be a copy of an old one.
enum Doubt {
    Repeated,
    /// It was not sent just now, or is older than another one of the same node.
    Outdated,
}

/// Messages arrive within milliseconds, and all nodes use the same clock.
const MAX_AGE: Duration = Duration::from_secs(30);
const MAX_SENDERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
