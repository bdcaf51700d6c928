//! Requests with an id that their session had before (S85).

use std::sync::Arc;
use std::time::Instant;

use handstamp_core::id::SessionKey;

use super::clustered_store::ClusteredStore;
use super::node::Node;
use super::stored_reply::StoredReply;
use super::tombstones;
use super::write_scope::WriteScope;

impl ClusteredStore {
    /// The number of requests with an id that their session had before, later than a save budget after the session got its new id. An attacker
    /// may have the former id, or the request was delayed or repeated. The requests get no session. At most one a second is counted for each
    /// id, as long as its tombstone lives.
    ///
    /// [`NodeSettings::end_on_reuse`](super::NodeSettings::end_on_reuse) also ends the session, if it has the same subject as before; an attacker
    /// with a former id can then log the visitor out.
    #[must_use]
    pub fn reused_ids(&self) -> u64 {
        self.node.counters.reused_ids()
    }

    /// A request has an id that its session had until `since`.
    pub(super) fn record_reuse(&self, key: &SessionKey, since: Instant) {
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
    let reply = node.query_primary(&key).await;
    let Ok(StoredReply::Moved { same_subject: true, remaining }) = reply else { return };
    if tombstones::age(remaining) > node.settings.save_budget {
        let ended = WriteScope::new(&node).end(&key).await;
        tracing::warn!(
            ended = ended.is_ok(),
            "a request used a former id of a session: the session is ended"
        );
    }
}
