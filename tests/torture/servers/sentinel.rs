use std::time::Duration;

use handstamp_testkit::redis::ToRedisArgs;
use handstamp_testkit::{RedisSentinel, SentinelOptions};
use tokio::time::Instant;

use super::{FaultEffect, pause_of};
use crate::faults::{Fault, Kind};
use crate::slots::SlotSet;

/// A primary with two replicas, and three sentinels.
pub(crate) struct Sentinel {
    all: RedisSentinel,
}

impl Sentinel {
    pub(super) const KINDS: [Kind; 9] = [
        Kind::KillPrimary,
        Kind::StopPrimary,
        Kind::StopPrimaryBriefly,
        Kind::FailOver,
        Kind::KillReplica,
        Kind::KillSentinel,
        Kind::PauseClients,
        Kind::KillNormalClients,
        Kind::KillPubsubClients,
    ];

    /// Writes that must not be lost wait for all replicas. One is not enough: in a manual failover, the old primary accepts writes for more
    /// than a second after the promotion, and its other replica still follows it.
    pub(super) const REPLICAS: usize = 2;

    /// Less than `down_after`.
    pub(super) const LONGEST_SUSPENSION: Duration = Duration::from_millis(1_200);

    pub(super) async fn start() -> Self {
        let options = SentinelOptions {
            append_only: true,
            down_after: Duration::from_secs(2),
            failover_timeout: Duration::from_secs(3),
            ..SentinelOptions::default()
        };
        Self { all: RedisSentinel::start_with(options).await }
    }

    pub(super) fn url(&self) -> String {
        self.all.url()
    }

    pub(super) fn primary(&self) -> usize {
        self.all.primary()
    }

    pub(super) async fn begin(&mut self, fault: &Fault) -> FaultEffect {
        let primary = self.all.primary();
        let mut effect = FaultEffect::of(primary, SlotSet::all());
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
                effect.server = (primary + 1 + fault.number % 2) % self.all.servers().len();
                self.all.kill(effect.server);
            }
            Kind::KillSentinel => {
                effect.server = fault.number;
                self.all.kill_sentinel(fault.number);
            }
            Kind::PauseClients => {
                let _ = self.all.servers()[primary].try_command(&pause_of(fault));
            }
            Kind::KillNormalClients => self.kill_clients("normal"),
            Kind::KillPubsubClients => self.kill_clients("pubsub"),
            _ => {}
        }
        effect
    }

    pub(super) async fn until_taken_over(&self, server: usize) {
        self.all.until_promoted(server).await;
    }

    pub(super) async fn end(&mut self, fault: &Fault, effect: &mut FaultEffect) {
        let server = effect.server;
        let back = match fault.kind {
            Kind::KillPrimary | Kind::StopPrimary => {
                let back = Instant::now();
                if fault.kind == Kind::KillPrimary {
                    self.all.restart(server).await;
                } else {
                    self.all.resume(server);
                }
                Some(back)
            }
            // The old primary does not wait until the new one has all writes.
            Kind::FailOver => {
                let replicated = self.all.until_replicated().await;
                self.all.fail_over().await;
                Some(replicated)
            }
            Kind::StopPrimaryBriefly => {
                self.all.resume(server);
                None
            }
            Kind::KillReplica => {
                self.all.restart(server).await;
                None
            }
            Kind::KillSentinel => {
                self.all.restart_sentinel(server).await;
                None
            }
            _ => None,
        };
        self.all.until_ok().await;
        // Until it is reconfigured as a replica, the old primary accepts writes.
        if let Some(back) = back {
            effect.may_lose_writes_since(back);
        }
    }

    fn kill_clients(&self, kind: &str) {
        for server in self.all.servers() {
            let _ = server.try_command(&["CLIENT", "KILL", "TYPE", kind]);
        }
    }

    pub(super) fn try_command(&self, parts: &[impl ToRedisArgs]) {
        let _ = self.all.servers()[self.all.primary()].try_command(parts);
    }
}
