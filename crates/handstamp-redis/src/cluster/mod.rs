//! Redis Cluster: the slot map, and how a command finds its primary.
//!
//! Every primary has connections of its own, so that one which is dead or stands still costs its own sessions and
//! nothing else. The map is kept up by [`discovery`], and corrected by what primaries answer.

mod discovery;
mod fence;
mod guests;
mod map;
mod member;
mod slots;
mod state;
mod view;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use handstamp_store::{Shard, Shards};
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::fence::SlotFence;
pub(crate) use self::member::Member;
use self::state::State;
use crate::RedisError;
use crate::driver::{Reply, slot_of};
use crate::primary::Primary;
use crate::redirection::Kind;
use crate::shared::Shared;
use crate::task::Task;
use crate::url::Host;

/// The primaries of a cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    state: Arc<State>,
    discovery: AbortOnDropHandle<()>,
}

impl Cluster {
    pub(crate) fn start(shared: Shared, seeds: Vec<Host>) -> Self {
        let state = Arc::new(State::new(shared, seeds));
        let discovery = AbortOnDropHandle::new(tokio::spawn(discovery::keep_looking(state.clone())));
        Self { state, discovery }
    }

    pub(crate) fn shards(&self) -> Shards {
        self.state.shards()
    }

    /// The primary that has `key`, as far as is known.
    pub(crate) fn owner(&self, key: &[u8]) -> Option<Arc<Member>> {
        self.state.map().owner(slot_of(key)).cloned()
    }

    pub(crate) fn shard_of(&self, key: &[u8]) -> Shard {
        self.owner(key).map_or(Shard::new(0), |owner| owner.shard)
    }

    pub(crate) fn member(&self, shard: Shard) -> Result<Arc<Member>, RedisError> {
        let map = self.state.map();
        let member = map.members().iter().find(|member| member.shard == shard);
        member.cloned().ok_or(RedisError::Connection(Cow::Borrowed(GONE)))
    }

    /// The primaries that have slots, and those that are about to get their first.
    pub(crate) fn primaries(&self) -> Vec<Arc<Primary>> {
        let map = self.state.map();
        let members = map.members().iter().map(|member| member.primary.clone());
        members.chain(self.state.guests.all()).collect()
    }

    pub(crate) fn slot_fence(&self, member: &Arc<Member>) -> SlotFence {
        SlotFence::new(&self.state, member)
    }

    pub(crate) async fn check(&self, shard: Shard) -> Result<(), RedisError> {
        let checked = self.member(shard)?.primary.check().await;
        if checked.is_err() {
            self.state.request_refresh();
        }
        checked
    }

    pub(crate) fn doubt(&self, key: &[u8]) {
        if let Some(owner) = self.owner(key) {
            owner.primary.doubt();
        }
        self.state.request_refresh();
    }

    /// The answer of the primary that has `key`, wherever that is by now. A command that is redirected has not been
    /// carried out, so it can be sent again.
    pub(crate) async fn call(&self, key: &Bytes, task: &Task) -> Result<Reply, RedisError> {
        let slot = slot_of(key);
        let mut member = self.state.owner(slot).await?;
        for _ in 0..MOST_REDIRECTIONS {
            let error = match member.primary.call(task).await {
                Err(error) => error,
                answered => return answered,
            };
            let Some((kind, host)) = redirection(&error, &member.host) else {
                if !matches!(error, RedisError::Busy) {
                    self.state.request_refresh();
                }
                return Err(error);
            };
            match kind {
                Kind::Moved => {
                    let other = self.state.at(&host).await?;
                    self.state.request_refresh();
                    self.state.map().reassign(slot, &other);
                    member = other;
                }
                Kind::Ask => match self.state.anybody_at(&host).ask(task).await {
                    // The move has come to its end, or was given up, in between.
                    Err(error) if redirection(&error, &host).is_some() => {}
                    answered => {
                        let reply = answered?;
                        // Others go by the fences of the primary that has the slot until it has moved: so what they
                        // have to hear of must come from there, too.
                        if let Some(invalidation) = &task.invalidation {
                            let told =
                                member.primary.call(&Task::new(invalidation.clone(), task.limit)).await;
                            // Not told, and done all the same.
                            told.map_err(|_| RedisError::TimedOut)?;
                        }
                        return Ok(reply);
                    }
                },
            }
        }
        Err(RedisError::Connection(Cow::Borrowed(IN_CIRCLES)))
    }

    pub(crate) async fn close(&self) {
        self.discovery.abort();
        futures_util::future::join_all(self.primaries().iter().map(|primary| primary.close())).await;
    }
}

fn redirection(error: &RedisError, by: &Host) -> Option<(Kind, Host)> {
    let RedisError::Refused(refusal) = error else { return None };
    let redirection = refusal.redirection()?;
    Some((redirection.kind, redirection.target(by)))
}

const MOST_REDIRECTIONS: usize = 5;
const GONE: &str = "the cluster has no such primary any more";
const IN_CIRCLES: &str = "the cluster sends this command in circles";
