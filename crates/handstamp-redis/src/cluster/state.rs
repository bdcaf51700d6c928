use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use handstamp_store::{Shard, Shards};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::guests::Guests;
use super::map::SlotMap;
use super::member::Member;
use super::view::{Seen, View};
use crate::RedisError;
use crate::limit::Limit;
use crate::primary::Primary;
use crate::shared::Shared;
use crate::url::Host;

/// What is known of the cluster at present.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) shared: Shared,
    pub(super) seeds: Vec<Host>,
    map: RwLock<Arc<SlotMap>>,
    /// The epoch of what that was made from, and when it was last confirmed.
    installed: Mutex<Option<(u64, Instant)>>,
    /// Why a node did not say what the cluster is like, the last time that none did.
    failure: Mutex<Option<RedisError>>,
    /// What that was made from.
    seen: RwLock<Vec<Seen>>,
    pub(super) guests: Guests,
    shards: watch::Sender<BTreeSet<Shard>>,
    next_shard: AtomicU32,
    pub(super) wanted: Notify,
    /// How often it was looked for, whatever was found.
    pub(super) refreshes: watch::Sender<u64>,
}

impl State {
    pub(super) fn new(shared: Shared, seeds: Vec<Host>) -> Self {
        Self {
            shared,
            seeds,
            map: RwLock::new(Arc::new(SlotMap::new([]))),
            installed: Mutex::default(),
            failure: Mutex::default(),
            seen: RwLock::default(),
            guests: Guests::default(),
            shards: watch::Sender::new(BTreeSet::new()),
            // Zero is the shard of keys of which nobody knows where they lie.
            next_shard: AtomicU32::new(1),
            wanted: Notify::new(),
            refreshes: watch::Sender::new(0),
        }
    }

    pub(super) fn map(&self) -> Arc<SlotMap> {
        self.map.read().clone()
    }

    /// Where a node was found the last time, or should be.
    pub(super) fn hosts(&self) -> HashSet<Host> {
        let seen = self.seen.read();
        let nodes = seen.iter().flat_map(|seen| std::iter::once(&seen.host).chain(&seen.replicas));
        nodes.chain(&self.seeds).cloned().collect()
    }

    pub(super) fn shards(&self) -> Shards {
        Shards::watched(self.shards.subscribe())
    }

    /// Has somebody look what the cluster is like now.
    pub(super) fn request_refresh(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody has looked. All who wait share one look.
    pub(super) async fn refreshed(&self) -> Result<(), RedisError> {
        let mut refreshes = self.refreshes.subscribe();
        self.request_refresh();
        timeout(self.shared.config.limit(Limit::Probe), refreshes.changed())
            .await
            .map_err(|_| RedisError::TimedOut)?
            .map_err(|_| RedisError::Closed)
    }

    /// The primary that has a slot, after a look around if need be.
    pub(super) async fn owner(&self, slot: u16) -> Result<Arc<Member>, RedisError> {
        self.find(|map| map.owner(slot).cloned(), NO_OWNER).await
    }

    /// The primary at this address, after a look around if need be.
    pub(super) async fn at(&self, host: &Host) -> Result<Arc<Member>, RedisError> {
        self.find(|map| map.at(host).cloned(), NO_SUCH_NODE).await
    }

    /// Whoever is at this address, be it one that has no slots yet.
    pub(super) fn anybody_at(&self, host: &Host) -> Arc<Primary> {
        if let Some(member) = self.map().at(host) {
            return member.primary.clone();
        }
        self.guests.at(host, || Member::primary_at(&self.shared, host))
    }

    async fn find(
        &self,
        look: impl Fn(&SlotMap) -> Option<Arc<Member>>,
        otherwise: &'static str,
    ) -> Result<Arc<Member>, RedisError> {
        // A look that is under way may have begun too early.
        for _ in 0..2 {
            if let Some(member) = look(&self.map()) {
                return Ok(member);
            }
            if let Some(cause) = self.nothing_known() {
                self.request_refresh();
                return Err(cause);
            }
            self.refreshed().await?;
        }
        look(&self.map()).ok_or_else(|| self.failure(otherwise))
    }

    pub(super) fn note_failure(&self, cause: RedisError) {
        *self.failure.lock() = Some(cause);
    }

    /// As long as no node has ever said what the cluster is like, the reason is that.
    pub(super) fn failure(&self, otherwise: &'static str) -> RedisError {
        self.nothing_known().unwrap_or(RedisError::Connection(Cow::Borrowed(otherwise)))
    }

    /// Why no node has said what the cluster is like, if none ever has, and all were asked.
    fn nothing_known(&self) -> Option<RedisError> {
        if self.map().members().is_empty() { self.failure.lock().clone() } else { None }
    }

    /// Whether that is how we see it, too.
    pub(super) fn agrees_with(&self, others: &[Seen]) -> bool {
        let seen = self.seen.read();
        let same = |(one, other): (&Seen, &Seen)| one.id == other.id && one.slots == other.slots;
        seen.len() == others.len() && seen.iter().zip(others).all(same)
    }

    /// Takes a view for the truth. Primaries that stay keep their connections.
    pub(super) fn install(&self, view: &View) {
        {
            let mut installed = self.installed.lock();
            // Whoever says something older does not know yet. For ever, it would be another cluster.
            if let Some((epoch, when)) = *installed
                && view.epoch < epoch
                && when.elapsed() < OUTDATED
            {
                return;
            }
            *installed = Some((view.epoch, Instant::now()));
        }
        let known = self.map();
        let members = view.primaries.iter().map(|seen| {
            let member = known.members().iter().find(|member| member.is(seen)).cloned();
            let member = member.unwrap_or_else(|| {
                let shard = Shard::new(self.next_shard.fetch_add(1, Ordering::Relaxed));
                tracing::info!(server = %seen.host, "found a primary of the cluster");
                let guest = self.guests.take(&seen.host);
                Arc::new(Member::new(&self.shared, shard, seen, guest))
            });
            (member, seen.slots.clone())
        });
        let map = Arc::new(SlotMap::new(members));
        let shards: BTreeSet<Shard> = map.members().iter().map(|member| member.shard).collect();
        *self.map.write() = map;
        self.seen.write().clone_from(&view.primaries);
        self.shards.send_if_modified(|current| {
            let others = *current != shards;
            *current = shards;
            others
        });
    }
}

const OUTDATED: Duration = Duration::from_secs(30);

const NO_OWNER: &str = "no primary of the cluster has this slot, or no node can be reached";
const NO_SUCH_NODE: &str = "the cluster has no primary at the address that it gave";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;
    use crate::cluster::slots::Slots;

    /// In which this node has all slots. Nobody is there.
    fn view(epoch: u64, id: &str) -> View {
        let mut slots = Slots::new();
        slots.insert(0..=Slots::COUNT - 1);
        let host = Host { name: "127.0.0.1".to_owned(), port: 1 };
        View { epoch, primaries: vec![Seen { id: id.to_owned(), host, slots, replicas: Vec::new() }] }
    }

    fn owner(state: &State) -> (String, Shard) {
        let map = state.map();
        let owner = map.owner(7).unwrap();
        (owner.id.clone(), owner.shard)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_not_replaced_by_what_is_older() {
        let config = RedisConfig::new("redis-cluster://127.0.0.1:1".parse().unwrap());
        let state = State::new(Shared::new(config), Vec::new());
        state.install(&view(5, "one"));
        let one = owner(&state);
        assert_eq!(one.0, "one");
        state.install(&view(4, "two"));
        assert_eq!(owner(&state), one);
        state.install(&view(6, "one"));
        assert_eq!(owner(&state), one, "who stays keeps its shard");
        state.install(&view(7, "two"));
        assert_eq!(owner(&state).0, "two");
        state.install(&view(8, "one"));
        assert_ne!(owner(&state).1, one.1, "a shard that was given up is nobody's again");
        tokio::time::advance(OUTDATED).await;
        state.install(&view(1, "two"));
        assert_eq!(owner(&state).0, "two", "by now it is another cluster");
    }
}
