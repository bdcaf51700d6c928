use std::collections::BTreeSet;
use std::time::Duration;

use handstamp_testkit::redis::{ToRedisArgs, Value};
use handstamp_testkit::{ClusterOptions, RedisCluster};
use tokio::time::{Instant, sleep};

use super::{FaultEffect, pause_of};
use crate::faults::{Fault, Kind};
use crate::slots::{Slot, SlotSet, slot_of_key};

/// Three primaries with a replica each, and a proxy in front of each node.
pub(crate) struct Cluster {
    all: RedisCluster,
    /// Whether the servers can move slots atomically.
    moves_atomically: bool,
}

impl Cluster {
    const KINDS: [Kind; 14] = [
        Kind::KillPrimary,
        Kind::StopPrimary,
        Kind::StopPrimaryBriefly,
        Kind::FailOver,
        Kind::KillReplica,
        Kind::MoveSlots,
        Kind::ScaleOut,
        Kind::PauseClients,
        Kind::KillNormalClients,
        Kind::KillPubsubClients,
        Kind::BlockFromServer,
        Kind::BlockLink,
        Kind::SlowLink,
        Kind::CutLink,
    ];

    /// Less than the node timeout. That is long, because an unexpected failover would disturb the moves of slots.
    pub(super) const LONGEST_SUSPENSION: Duration = Duration::from_millis(2_600);

    pub(super) async fn start() -> Self {
        let options = ClusterOptions { append_only: true, behind_proxies: true, ..ClusterOptions::default() };
        let all = RedisCluster::start_with(options).await;
        let docs = all.try_command(0, &["COMMAND", "DOCS", "CLUSTER|MIGRATESLOTS"]);
        let moves_atomically = match docs {
            Ok(Value::Array(docs)) => !docs.is_empty(),
            Ok(Value::Map(docs)) => !docs.is_empty(),
            _ => false,
        };
        Self { all, moves_atomically }
    }

    pub(super) fn url(&self) -> String {
        self.all.url()
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        let atomic = self.moves_atomically.then_some(Kind::MoveSlotsAtomically);
        Self::KINDS.into_iter().chain(atomic).collect()
    }

    pub(super) fn primaries(&self) -> BTreeSet<usize> {
        self.all.primaries().into_iter().collect()
    }

    pub(super) async fn begin(&mut self, fault: &Fault) -> FaultEffect {
        let primary = self.primary(fault.number);
        let mut effect = FaultEffect::of(primary, SlotSet::new(self.all.slots_of(primary)));
        match fault.kind {
            Kind::KillPrimary => {
                let replicated = self.all.until_replicated().await;
                self.all.kill(primary);
                effect.may_lose_writes_since(replicated);
            }
            Kind::StopPrimary => {
                let replicated = self.all.until_replicated().await;
                self.all.pause(primary);
                effect.may_lose_writes_since(replicated);
            }
            Kind::StopPrimaryBriefly => self.all.pause(primary),
            Kind::KillReplica => {
                // On a busy machine it may just be taking over.
                if let Some(replica) = self.all.replicas_of(primary).first() {
                    effect.server = *replica;
                    self.all.kill(effect.server);
                }
            }
            Kind::PauseClients => {
                let _ = self.all.try_command(primary, &pause_of(fault));
            }
            Kind::KillNormalClients => self.kill_clients("normal"),
            Kind::KillPubsubClients => self.kill_clients("pubsub"),
            // Done as a whole in `end`.
            Kind::FailOver | Kind::MoveSlots | Kind::MoveSlotsAtomically | Kind::ScaleOut => {}
            _ => fault.fail_link(self.all.proxy(primary)),
        }
        effect
    }

    pub(super) async fn until_taken_over(&self, server: usize) {
        self.all.until_taken_over(server).await;
    }

    pub(super) async fn end(&mut self, fault: &Fault, effect: &mut FaultEffect) {
        let server = effect.server;
        let mut back = None;
        match fault.kind {
            Kind::KillPrimary | Kind::StopPrimary => {
                back = Some(Instant::now());
                if fault.kind == Kind::KillPrimary {
                    self.all.restart(server).await;
                } else {
                    self.all.resume(server);
                }
            }
            Kind::StopPrimaryBriefly => self.all.resume(server),
            Kind::KillReplica if self.all.node(server).is_running() => {}
            Kind::KillReplica => self.all.restart(server).await,
            // The old primary waits until the new one has all writes, so none may get lost.
            Kind::FailOver => {
                self.all.fail_over(server).await;
            }
            Kind::MoveSlots => {
                let slots = self.busy_slots(server);
                effect.slots = slots.iter().copied().collect();
                self.move_slots(slots, self.primary(fault.number + 1), fault.delay).await;
            }
            Kind::MoveSlotsAtomically => {
                if let Some(range) = self.all.slots_of(server).first() {
                    let slots = *range.start()..=(*range.end()).min(range.start() + MOST_AT_ONCE);
                    effect.slots = SlotSet::new(vec![slots.clone()]);
                    let moved = self.all.move_slots_atomically(slots, self.primary(fault.number + 1)).await;
                    assert!(moved, "the server supports atomic moves");
                }
            }
            Kind::ScaleOut => self.scale(server, fault, effect).await,
            Kind::PauseClients | Kind::KillNormalClients | Kind::KillPubsubClients => {}
            _ => fault.restore_link(self.all.proxy(server)),
        }
        self.all.until_ok().await;
        if let Some(back) = back {
            // Until it is reconfigured as a replica, it accepts writes.
            effect.may_lose_writes_since(back);
        }
    }

    /// Adds a primary with a replica, which serves busy slots for a while, and removes it.
    async fn scale(&mut self, from: usize, fault: &Fault, effect: &mut FaultEffect) {
        let new = self.all.add_primary().await;
        let replica = self.all.add_primary().await;
        self.all.command(replica, &["CLUSTER", "REPLICATE", self.all.id(new)]);
        self.all.until_ok().await;
        let slots = self.busy_slots(from);
        effect.slots = slots.iter().copied().collect();
        self.move_slots(slots.clone(), new, Duration::ZERO).await;
        sleep(fault.duration).await;
        self.move_slots(slots, from, Duration::ZERO).await;
        self.all.remove(replica).await;
        self.all.remove(new).await;
    }

    /// Slots with sessions.
    fn busy_slots(&self, server: usize) -> Vec<Slot> {
        let slots: BTreeSet<_> = self.all.node(server).keys().iter().map(|key| slot_of_key(key)).collect();
        slots.into_iter().take(MOST_SLOTS).collect()
    }

    /// Moves slot by slot, with a pause after each step.
    async fn move_slots(&self, slots: Vec<Slot>, to: usize, pause: Duration) {
        for slot in slots {
            self.all.begin_move(slot, to).await;
            sleep(pause).await;
            self.all.move_keys(slot, to).await;
            sleep(pause).await;
            self.all.end_move(slot, to).await;
        }
    }

    fn primary(&self, number: usize) -> usize {
        let primaries = self.all.primaries();
        primaries[number % primaries.len()]
    }

    fn kill_clients(&self, kind: &str) {
        for server in self.all.primaries() {
            let _ = self.all.try_command(server, &["CLIENT", "KILL", "TYPE", kind]);
        }
    }

    pub(super) fn try_command(&self, parts: &[impl ToRedisArgs]) {
        let _ = self.all.try_command(self.primary(0), parts);
    }
}

/// The number of slots to move one by one.
const MOST_SLOTS: usize = 30;
/// The number of slots, after the first one, to move atomically.
const MOST_AT_ONCE: Slot = 300;
