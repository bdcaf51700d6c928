use std::sync::Arc;
use std::time::Instant;

use handstamp_core::id::SessionKey;

use super::ClusteredStore;
use super::decoded::Answer;
use super::end::TOMBSTONE_TTL;
use super::node::Node;
use super::writes::WriteScope;

/// Requests with an id that their session had before (S85).
impl ClusteredStore {
    /// How many requests have looked up an id that their session had before, more than a save budget after the session got its new one. An
    /// attacker may have the old id, or a request was delayed or repeated. Such requests get no session, and one a second is counted for
    /// each id, as long as its tombstone lasts.
    ///
    /// [`NodeSettings::end_on_reuse`](super::NodeSettings::end_on_reuse) also ends the session, if it has the same subject as before; an attacker
    /// with an old id can then log the visitor out.
    #[must_use]
    pub fn reused_ids(&self) -> u64 {
        self.node.counters.reused_ids()
    }

    /// A request has an id that its session had until `since`.
    pub(super) fn note_reuse(&self, key: &SessionKey, since: Instant) {
        let node = &self.node;
        if node.clock.now().saturating_duration_since(since) <= node.settings.save_budget {
            return;
        }
        node.counters.reused();
        if node.settings.end_on_reuse {
            drop(tokio::spawn(end_reused(node.clone(), *key)));
        }
    }
}

async fn end_reused(node: Arc<Node>, key: SessionKey) {
    let Ok(Answer::Moved { same_subject: true, remaining }) = node.ask_primary(&key).await else { return };
    // By the clock of the store. Until its writer has heard of it, a tombstone lives for longer.
    let age = remaining.and_then(|left| TOMBSTONE_TTL.checked_sub(left)).unwrap_or_default();
    if age > node.settings.save_budget {
        let ended = WriteScope::new(&node).end(&key).await;
        tracing::warn!(
            ended = ended.is_ok(),
            "an id that a session had before was used: the session is ended"
        );
    }
}
