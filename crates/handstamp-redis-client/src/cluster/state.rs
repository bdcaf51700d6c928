use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::importing::Importing;
use super::member::Member;
use super::slot_map::SlotMap;
use super::snapshot::{ClusterSnapshot, PrimaryInfo};
use crate::command::Limit;
use crate::primary::Primary;
use crate::shared::Shared;
use crate::url::Host;
use crate::{RedisError, ShardId};

/// The known state of the cluster.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) shared: Shared,
    pub(super) seeds: Vec<Host>,
    map: RwLock<Arc<SlotMap>>,
    /// The snapshot that the map was made from.
    installed: RwLock<Vec<PrimaryInfo>>,
    /// The epoch of that snapshot, and when it was last confirmed.
    epoch: Mutex<Option<(u64, Instant)>>,
    /// Why the last refresh without any reply failed.
    failure: Mutex<Option<RedisError>>,
    pub(super) importing: Importing,
    shards: watch::Sender<BTreeSet<u32>>,
    next_shard: AtomicU32,
    pub(super) refresh_requests: Notify,
    /// Counts refreshes, including those that failed.
    pub(super) refreshes: watch::Sender<u64>,
}

impl State {
    /// The shard of keys whose primary is unknown.
    pub(super) const UNKNOWN_SHARD: ShardId = ShardId::new(0);

    pub(super) fn new(shared: Shared, seeds: Vec<Host>) -> Self {
        Self {
            shared,
            seeds,
            map: RwLock::new(Arc::new(SlotMap::new([]))),
            installed: RwLock::default(),
            epoch: Mutex::default(),
            failure: Mutex::default(),
            importing: Importing::default(),
            shards: watch::Sender::new(BTreeSet::new()),
            next_shard: AtomicU32::new(Self::UNKNOWN_SHARD.number() + 1),
            refresh_requests: Notify::new(),
            refreshes: watch::Sender::new(0),
        }
    }

    pub(super) fn map(&self) -> Arc<SlotMap> {
        self.map.read().clone()
    }

    /// The hosts of the last snapshot, and the seeds.
    pub(super) fn hosts(&self) -> HashSet<Host> {
        let installed = self.installed.read();
        let nodes = installed.iter().flat_map(|info| std::iter::once(&info.host).chain(&info.replicas));
        nodes.chain(&self.seeds).cloned().collect()
    }

    pub(super) fn watch_shards(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.shards.subscribe()
    }

    /// Wakes the task that queries the layout.
    pub(super) fn request_refresh(&self) {
        self.refresh_requests.notify_one();
    }

    /// Waits for the next refresh, which all callers share.
    pub(super) async fn refreshed(&self) -> Result<(), RedisError> {
        let mut refreshes = self.refreshes.subscribe();
        self.request_refresh();
        timeout(self.shared.config.limit(Limit::Probe), refreshes.changed())
            .await
            .map_err(|_| RedisError::TimedOut)?
            .map_err(|_| RedisError::Closed)
    }

    /// The primary that owns a slot, after a refresh if need be.
    pub(super) async fn owner(&self, slot: u16) -> Result<Arc<Member>, RedisError> {
        self.find(|map| map.owner(slot).cloned(), NO_OWNER).await
    }

    /// The primary at this address, after a refresh if need be.
    pub(super) async fn at(&self, host: &Host) -> Result<Arc<Member>, RedisError> {
        self.find(|map| map.at(host).cloned(), NO_SUCH_NODE).await
    }

    /// The primary at this address, with or without slots.
    pub(super) fn primary_at(&self, host: &Host) -> Arc<Primary> {
        if let Some(member) = self.map().at(host) {
            return member.primary.clone();
        }
        self.importing.at(host, || Member::connect(&self.shared, host))
    }

    async fn find(
        &self,
        find: impl Fn(&SlotMap) -> Option<Arc<Member>>,
        otherwise: &'static str,
    ) -> Result<Arc<Member>, RedisError> {
        // Twice: a refresh in progress may have begun too early.
        for _ in 0..2 {
            if let Some(member) = find(&self.map()) {
                return Ok(member);
            }
            if let Some(cause) = self.never_reached() {
                self.request_refresh();
                return Err(cause);
            }
            self.refreshed().await?;
        }
        find(&self.map()).ok_or_else(|| self.failure(otherwise))
    }

    pub(super) fn record_failure(&self, cause: RedisError) {
        *self.failure.lock() = Some(cause);
    }

    /// Why no node was ever reached, or else `otherwise`.
    fn failure(&self, otherwise: &'static str) -> RedisError {
        self.never_reached().unwrap_or(RedisError::Connection(Cow::Borrowed(otherwise)))
    }

    /// Why no node has ever reported the layout, if all were queried and none has.
    fn never_reached(&self) -> Option<RedisError> {
        if self.map().members().is_empty() { self.failure.lock().clone() } else { None }
    }

    /// Whether these primaries have the same slots as those of the installed snapshot.
    pub(super) fn agrees_with(&self, others: &[PrimaryInfo]) -> bool {
        let installed = self.installed.read();
        let same =
            |(one, other): (&PrimaryInfo, &PrimaryInfo)| one.id == other.id && one.slots == other.slots;
        installed.len() == others.len() && installed.iter().zip(others).all(same)
    }

    /// Replaces the map by that of a snapshot. Primaries that stay keep their connections.
    pub(super) fn install(&self, snapshot: &ClusterSnapshot) {
        {
            let mut installed = self.epoch.lock();
            // A node with an older epoch lags behind; but not for long, or this is another cluster.
            if let Some((epoch, when)) = *installed
                && snapshot.epoch < epoch
                && when.elapsed() < MAX_EPOCH_LAG
            {
                return;
            }
            *installed = Some((snapshot.epoch, Instant::now()));
        }
        let known = self.map();
        let members = snapshot.primaries.iter().map(|info| {
            let member = known.members().iter().find(|member| member.is(info)).cloned();
            let member = member.unwrap_or_else(|| {
                let shard = ShardId::new(self.next_shard.fetch_add(1, Ordering::Relaxed));
                tracing::info!(server = %info.host, "found a primary of the cluster");
                let importing = self.importing.take(&info.host);
                Arc::new(Member::new(&self.shared, shard, info, importing))
            });
            (member, info.slots.clone())
        });
        let map = Arc::new(SlotMap::new(members));
        let shards: BTreeSet<u32> = map.members().iter().map(|member| member.shard.number()).collect();
        *self.map.write() = map;
        self.installed.write().clone_from(&snapshot.primaries);
        self.shards.send_if_modified(|current| {
            let changed = *current != shards;
            *current = shards;
            changed
        });
    }
}

const MAX_EPOCH_LAG: Duration = Duration::from_secs(30);

const NO_OWNER: &str = "no primary of the cluster owns this slot, or no node can be reached";
const NO_SUCH_NODE: &str = "the cluster redirects to an address without a primary";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisConfig;
    use crate::cluster::slots::Slots;

    /// A cluster in which this primary owns all slots. No server is reachable.
    fn snapshot(epoch: u64, id: &str) -> ClusterSnapshot {
        let mut slots = Slots::new();
        slots.insert(0..=Slots::COUNT - 1);
        let host = Host { name: "127.0.0.1".to_owned(), port: 1 };
        ClusterSnapshot {
            epoch,
            primaries: vec![PrimaryInfo { id: id.to_owned(), host, slots, replicas: Vec::new() }],
        }
    }

    fn owner(state: &State) -> (String, ShardId) {
        let map = state.map();
        let owner = map.owner(7).unwrap();
        (owner.id.clone(), owner.shard)
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_snapshot_is_not_installed() {
        let config = RedisConfig::new("redis-cluster://127.0.0.1:1".parse().unwrap());
        let state = State::new(Shared::new(config), Vec::new());
        state.install(&snapshot(5, "one"));
        let one = owner(&state);
        assert_eq!(one.0, "one");
        state.install(&snapshot(4, "two"));
        assert_eq!(owner(&state), one);
        state.install(&snapshot(6, "one"));
        assert_eq!(owner(&state), one, "a primary that stays keeps its shard");
        state.install(&snapshot(7, "two"));
        assert_eq!(owner(&state).0, "two");
        state.install(&snapshot(8, "one"));
        assert_ne!(owner(&state).1, one.1, "the number of a shard is never used again");
        tokio::time::advance(MAX_EPOCH_LAG).await;
        state.install(&snapshot(1, "two"));
        assert_eq!(owner(&state).0, "two", "after that time it is another cluster");
    }
}
