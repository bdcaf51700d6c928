use handstamp_testkit::redis::ToRedisArgs;
use handstamp_testkit::{Direction, Proxy, RedisServer, ServerOptions};

use super::{FaultEffect, pause_of};
use crate::faults::{Fault, Kind};
use crate::fleet::{CHANNEL, NODES};
use crate::slots::SlotSet;

/// One server, with a proxy for each node.
pub(crate) struct One {
    // Dropped before the server.
    proxies: Vec<Proxy>,
    redis: RedisServer,
}

impl One {
    pub(super) const KINDS: [Kind; 11] = [
        Kind::KillServer,
        Kind::StopServer,
        Kind::PauseClients,
        Kind::KillNormalClients,
        Kind::KillPubsubClients,
        Kind::BlockFromServer,
        Kind::BlockToServer,
        Kind::BlockLink,
        Kind::SlowLink,
        Kind::CutLink,
        Kind::FullBuffers,
    ];

    pub(super) async fn start() -> Self {
        let redis =
            RedisServer::start_with(ServerOptions { append_only: true, ..ServerOptions::default() }).await;
        let mut proxies = Vec::new();
        for _ in 0..NODES {
            proxies.push(Proxy::start(redis.port()).await);
        }
        Self { proxies, redis }
    }

    pub(super) fn url(&self, node: usize) -> String {
        format!("redis://127.0.0.1:{}", self.proxies[node].port())
    }

    pub(super) async fn begin(&mut self, fault: &Fault) -> FaultEffect {
        let proxy = &self.proxies[fault.number];
        match fault.kind {
            Kind::KillServer => self.redis.kill(),
            Kind::StopServer => self.redis.pause(),
            Kind::PauseClients => self.try_command(&pause_of(fault)),
            Kind::KillNormalClients => self.try_command(&["CLIENT", "KILL", "TYPE", "normal"]),
            Kind::KillPubsubClients => self.try_command(&["CLIENT", "KILL", "TYPE", "pubsub"]),
            Kind::FullBuffers => {
                proxy.block(Direction::ToClient);
                self.limit_buffers("pubsub 65536 65536 1");
                let garbage = vec![b'x'; GARBAGE_LEN];
                for _ in 0..GARBAGE_ROUNDS {
                    for _ in 0..10 {
                        self.try_command(&[&b"PUBLISH"[..], CHANNEL.as_bytes(), &garbage]);
                    }
                    tokio::task::yield_now().await;
                }
            }
            _ => fault.fail_link(proxy),
        }
        FaultEffect::of(0, SlotSet::all())
    }

    pub(super) async fn end(&mut self, fault: &Fault) {
        let proxy = &self.proxies[fault.number];
        match fault.kind {
            Kind::KillServer => self.redis.restart().await,
            Kind::StopServer => self.redis.resume(),
            Kind::FullBuffers => {
                self.limit_buffers("pubsub 33554432 8388608 60");
                proxy.resume();
            }
            _ => fault.restore_link(proxy),
        }
    }

    fn limit_buffers(&self, limits: &str) {
        self.try_command(&["CONFIG", "SET", "client-output-buffer-limit", limits]);
    }

    /// Errors are ignored, because another fault may be active.
    pub(super) fn try_command(&self, parts: &[impl ToRedisArgs]) {
        let _ = self.redis.try_command(parts);
    }
}

/// More than the socket buffers on the way can contain.
const GARBAGE_ROUNDS: usize = 10;
const GARBAGE_LEN: usize = 128 * 1024;
