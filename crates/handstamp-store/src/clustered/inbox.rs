use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::invalidation::{Invalidation, InvalidationMessage, MessageError, NodeId};
use handstamp_core::time::Timestamp;
use lru::LruCache;

use super::clearing::Clearing;
use super::lane::Lane;
use super::node::Node;
use crate::BusEvent;

/// Applies the messages of one subscription.
pub(super) struct Inbox {
    node: Arc<Node>,
    lane: Arc<Lane>,
    pub(super) clearing: Clearing,
    /// When each node last sent a clear, by its own account.
    clears: LruCache<NodeId, Timestamp>,
}

impl Inbox {
    pub(super) fn new(node: Arc<Node>, lane: Arc<Lane>) -> Self {
        let clearing = Clearing::new(node.settings.clearing_interval());
        Self { node, lane, clearing, clears: LruCache::new(SENDERS) }
    }

    pub(super) fn apply(&mut self, heard: &BusEvent) {
        match heard {
            BusEvent::Message(message) => self.read(message),
            BusEvent::KeyChanged(key) => {
                self.node.counters.received();
                self.node.forget(key, None);
            }
        }
    }

    /// Clears what came in under this subscription's freshness.
    pub(super) fn clear(&mut self) {
        self.node.cut(&self.lane.freshness);
        self.clearing.done(self.node.clock.now());
    }

    fn read(&mut self, message: &[u8]) {
        let node = &self.node;
        match node.messenger.decode(message) {
            Ok(invalidation) => {
                node.counters.received();
                match invalidation.invalidation {
                    Invalidation::CacheClear => self.clear_on_request(&invalidation),
                    Invalidation::SessionDeleted(key) | Invalidation::SessionMoved(key) => {
                        node.forget(&key, None);
                    }
                    Invalidation::SessionInvalidated(key, saved) => node.forget(&key, Some(saved)),
                }
            }
            Err(reason) => {
                node.counters.rejected(reason);
                tracing::debug!(%reason, "rejected a message on the invalidation bus");
                let now = node.clock.now();
                let clears = match reason {
                    // Authentic, so that a node of ours says something that this one cannot read.
                    MessageError::UnknownVersion => self.clearing.request_by_unread(message, now),
                    MessageError::UnknownKey => {
                        if let Some(more) = node.unknown_key_log.admit(now) {
                            tracing::warn!(
                                more,
                                "another node signs with a secret that this node does not have"
                            );
                        }
                        self.clearing.request_of_unknown_origin(now)
                    }
                    MessageError::Forged | MessageError::Malformed | MessageError::Oversize => false,
                };
                if clears {
                    self.clear();
                }
            }
        }
    }

    /// A clear that was sent before counts once: what was authentic then can be sent again by anybody who can publish.
    fn clear_on_request(&mut self, invalidation: &InvalidationMessage) {
        let now = self.node.clock.now();
        let clears = match self.is_news(invalidation) {
            Ok(()) => self.clearing.request(now),
            // A second copy, as every primary of a cluster sends one.
            Err(Doubt::Repeated) => false,
            Err(Doubt::Outdated) => {
                self.node.counters.outdated();
                self.clearing.request_of_unknown_origin(now)
            }
        };
        if clears {
            self.clear();
        }
    }

    fn is_news(&mut self, invalidation: &InvalidationMessage) -> Result<(), Doubt> {
        let InvalidationMessage { node, sent_at, .. } = invalidation;
        let last = self.clears.get(node);
        if last == Some(sent_at) {
            return Err(Doubt::Repeated);
        }
        let out_of_order = last.is_some_and(|last| sent_at < last);
        let age =
            self.node.time.at(self.node.clock.now()).map(|now| now.since(*sent_at).max(sent_at.since(now)));
        if out_of_order || age.is_some_and(|age| age > MAX_AGE) {
            return Err(Doubt::Outdated);
        }
        self.clears.put(node.clone(), *sent_at);
        Ok(())
    }
}

/// Why an authentic clear may not be meant for now.
enum Doubt {
    Repeated,
    /// It is older or newer than any message that has just been sent, or older than another of the same node.
    Outdated,
}

/// Messages arrive within milliseconds, and all nodes go by the same time.
const MAX_AGE: Duration = Duration::from_secs(30);
const SENDERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
