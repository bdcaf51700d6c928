use std::collections::BTreeSet;
use std::time::Duration;

use handstamp_testkit::redis::{ToRedisArgs, Value};
use handstamp_testkit::{ClusterOptions, RedisCluster};
use tokio::time::{Instant, sleep};

use super::{Trouble, pause_of};
use crate::faults::{Fault, Kind};
use crate::slots::{Part, Slot, slot_of_key};

/// Three primaries with a replica each, and between each of them and its clients a network of its own.
pub(crate) struct Cluster {
    all: RedisCluster,
    /// Whether the servers know how to move slots in one go.
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
        Kind::SilenceFromServer,
        Kind::Silence,
        Kind::SlowLink,
        Kind::CutLink,
    ];

    /// Somewhat less than the node time-out, which is long: moves of slots do not get along with failovers that were not
    /// asked for.
    pub(super) const PATIENCE: Duration = Duration::from_millis(2_600);

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

    pub(super) async fn begin(&mut self, fault: &Fault) -> Trouble {
        let primary = self.primary(fault.number);
        let mut trouble = Trouble::of(primary, Part::new(self.all.slots_of(primary)));
        match fault.kind {
            Kind::KillPrimary => {
                let replicated = self.all.until_replicated().await;
                self.all.kill(primary);
                trouble.doubt_since(replicated);
            }
            Kind::StopPrimary => {
                let replicated = self.all.until_replicated().await;
                self.all.pause(primary);
                trouble.doubt_since(replicated);
            }
            Kind::StopPrimaryBriefly => self.all.pause(primary),
            Kind::KillReplica => {
                // On a busy machine it may just be taking over.
                if let Some(replica) = self.all.replicas_of(primary).first() {
                    trouble.server = *replica;
                    self.all.kill(trouble.server);
                }
            }
            Kind::PauseClients => {
                let _ = self.all.try_command(primary, &pause_of(fault));
            }
            Kind::KillNormalClients => self.kill_clients("normal"),
            Kind::KillPubsubClients => self.kill_clients("pubsub"),
            // They take the time that they take.
            Kind::FailOver | Kind::MoveSlots | Kind::MoveSlotsAtomically | Kind::ScaleOut => {}
            _ => fault.fail_link(self.all.proxy(primary)),
        }
        trouble
    }

    pub(super) async fn until_taken_over(&self, server: usize) {
        self.all.until_taken_over(server).await;
    }

    pub(super) async fn end(&mut self, fault: &Fault, trouble: &mut Trouble) {
        let server = trouble.server;
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
            // The old primary waits until the new one has everything, so nothing may get lost.
            Kind::FailOver => {
                self.all.fail_over(server).await;
            }
            Kind::MoveSlots => {
                let slots = self.busy_slots(server);
                trouble.part = slots.iter().copied().collect();
                self.move_slots(slots, self.primary(fault.number + 1), fault.delay).await;
            }
            Kind::MoveSlotsAtomically => {
                if let Some(range) = self.all.slots_of(server).first() {
                    let slots = *range.start()..=(*range.end()).min(range.start() + MOST_AT_ONCE);
                    trouble.part = Part::new(vec![slots.clone()]);
                    let moved = self.all.move_slots_atomically(slots, self.primary(fault.number + 1)).await;
                    assert!(moved, "the server said that it knew how");
                }
            }
            Kind::ScaleOut => self.scale(server, fault, trouble).await,
            Kind::PauseClients | Kind::KillNormalClients | Kind::KillPubsubClients => {}
            _ => fault.mend_link(self.all.proxy(server)),
        }
        self.all.until_ok().await;
        if let Some(back) = back {
            // Until it hears that it is a replica.
            trouble.doubt_since(back);
        }
    }

    /// Another primary with a replica comes, serves busy slots for a while, and goes.
    async fn scale(&mut self, from: usize, fault: &Fault, trouble: &mut Trouble) {
        let new = self.all.add_primary().await;
        let replica = self.all.add_primary().await;
        self.all.command(replica, &["CLUSTER", "REPLICATE", self.all.id(new)]);
        self.all.until_ok().await;
        let slots = self.busy_slots(from);
        trouble.part = slots.iter().copied().collect();
        self.move_slots(slots.clone(), new, Duration::ZERO).await;
        sleep(fault.lasts).await;
        self.move_slots(slots, from, Duration::ZERO).await;
        self.all.remove(replica).await;
        self.all.remove(new).await;
    }

    /// Slots in which there are sessions.
    fn busy_slots(&self, server: usize) -> Vec<Slot> {
        let slots: BTreeSet<_> = self.all.node(server).keys().iter().map(|key| slot_of_key(key)).collect();
        slots.into_iter().take(MOST_SLOTS).collect()
    }

    /// One slot after the other, with a pause after each step.
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

/// So many slots are moved one after the other.
const MOST_SLOTS: usize = 30;
/// So many beside the first are moved in one go.
const MOST_AT_ONCE: Slot = 300;
