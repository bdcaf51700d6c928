//! Redis Cluster: which primary owns a slot, and how a command finds it.
//!
//! | File | What it does |
//! |---|---|
//! | `mod` | [`Cluster`]: sends commands, follows redirections |
//! | `state` | the primaries that are known, and what is queried when one is not |
//! | `discovery` | the task that queries nodes for the layout of the cluster |
//! | `snapshot` | the layout as one node reports it |
//! | `slot_map`, `slots` | the primary of each slot; sets of slots |
//! | `member` | a primary with slots, and its connections |
//! | `importing` | connections to primaries that are about to get their first slot |
//! | `slot_fence` | which slots a primary has lost since the last fence |
//!
//! Every primary has connections of its own, so that a dead or stalled one affects its own keys only.

mod discovery;
mod importing;
mod member;
mod slot_fence;
mod slot_map;
mod slots;
mod snapshot;
mod state;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::member::Member;
pub(crate) use self::slot_fence::SlotFence;
use self::state::State;
use crate::error_reply::Kind;
use crate::hash::slot_of;
use crate::primary::Primary;
use crate::shared::Shared;
use crate::url::Host;
use crate::{Command, RedisError, Reply, ShardId};

/// The primaries of a cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    state: Arc<State>,
    discovery: AbortOnDropHandle<()>,
}

impl Cluster {
    pub(crate) fn start(shared: Shared, seeds: Vec<Host>) -> Self {
        let state = Arc::new(State::new(shared, seeds));
        let discovery = AbortOnDropHandle::new(tokio::spawn(discovery::run(state.clone())));
        Self { state, discovery }
    }

    pub(crate) fn watch_shards(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.state.watch_shards()
    }

    /// The primary that owns `key`, as far as is known.
    pub(crate) fn owner(&self, key: &[u8]) -> Option<Arc<Member>> {
        self.state.map().owner(slot_of(key)).cloned()
    }

    pub(crate) fn shard_of(&self, key: &[u8]) -> ShardId {
        self.owner(key).map_or(State::UNKNOWN_SHARD, |owner| owner.shard)
    }

    pub(crate) fn member(&self, shard: ShardId) -> Result<Arc<Member>, RedisError> {
        let map = self.state.map();
        let member = map.members().iter().find(|member| member.shard == shard);
        member.cloned().ok_or(RedisError::Connection(Cow::Borrowed(GONE)))
    }

    /// The primaries that have slots, and those that are about to get their first.
    pub(crate) fn primaries(&self) -> Vec<Arc<Primary>> {
        let map = self.state.map();
        let members = map.members().iter().map(|member| member.primary.clone());
        members.chain(self.state.importing.all()).collect()
    }

    pub(crate) fn slot_fence(&self, member: &Arc<Member>) -> SlotFence {
        SlotFence::new(&self.state, member)
    }

    pub(crate) async fn check(&self, shard: ShardId) -> Result<(), RedisError> {
        let checked = self.member(shard)?.primary.check().await;
        if checked.is_err() {
            self.state.request_refresh();
        }
        checked
    }

    pub(crate) fn request_probe(&self, key: &[u8]) {
        if let Some(owner) = self.owner(key) {
            owner.primary.request_probe();
        }
        self.state.request_refresh();
    }

    /// Sends a command to the primary that owns `key`. A redirected command has not been carried out, so it can be sent again.
    pub(crate) async fn call(&self, key: &Bytes, command: &Command) -> Result<Reply, RedisError> {
        let slot = slot_of(key);
        let mut member = self.state.owner(slot).await?;
        for _ in 0..MAX_REDIRECTIONS {
            let error = match member.primary.call(command).await {
                Err(error) => error,
                replied => return replied,
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
                Kind::Ask => match self.state.primary_at(&host).call_asking(command).await {
                    // Meanwhile the move was completed or given up.
                    Err(error) if redirection(&error, &host).is_some() => {}
                    replied => {
                        let reply = replied?;
                        publish_on(&member, command).await?;
                        return Ok(reply);
                    }
                },
            }
        }
        Err(RedisError::Connection(Cow::Borrowed(REDIRECTION_LOOP)))
    }

    pub(crate) async fn close(&self) {
        self.discovery.abort();
        join_all(self.primaries().iter().map(|primary| primary.close())).await;
    }
}

/// Until a slot has moved, other nodes rely on the fences of the primary that gives it away: so the message has to come from
/// there, too.
async fn publish_on(member: &Member, command: &Command) -> Result<(), RedisError> {
    if let Some(publish) = command.publication() {
        // If this fails, the command was carried out nevertheless.
        member.primary.call(&publish).await.map_err(|_| RedisError::TimedOut)?;
    }
    Ok(())
}

fn redirection(error: &RedisError, from: &Host) -> Option<(Kind, Host)> {
    let redirection = error.error_reply()?.redirection()?;
    Some((redirection.kind, redirection.target(from)))
}

const MAX_REDIRECTIONS: usize = 5;
const GONE: &str = "this primary has left the cluster";
const REDIRECTION_LOOP: &str = "the cluster redirects this command in a loop";
