use std::ops::RangeInclusive;
use std::time::Duration;

use handstamp_testkit::redis::{RedisResult, Value, from_redis_value};
use handstamp_testkit::{ClusterOptions, Direction, RedisCluster, RedisSentinel, SentinelOptions};
use tokio::time::{Instant, sleep};

use crate::faults::{Fault, Topology};
use crate::keys::SLOTS;
use crate::observer::{Observer, Query};

/// The servers that a fault is injected into.
pub(crate) struct Stage {
    redis: Redis,
    fault: Fault,
}

enum Redis {
    Cluster(Box<RedisCluster>),
    Sentinel(Box<RedisSentinel>),
}

impl Stage {
    pub(crate) async fn set_up(topology: Topology, fault: Fault) -> Self {
        let behind_proxies = fault == Fault::Silence;
        let redis = match topology {
            Topology::Cluster => {
                let node_timeout = Duration::from_secs(2);
                let options = ClusterOptions { behind_proxies, node_timeout, ..ClusterOptions::default() };
                Redis::Cluster(Box::new(RedisCluster::start_with(options).await))
            }
            Topology::Sentinel => {
                let options = SentinelOptions {
                    down_after: Duration::from_secs(1),
                    failover_timeout: Duration::from_secs(3),
                    ..SentinelOptions::default()
                };
                Redis::Sentinel(Box::new(RedisSentinel::start_with(options).await))
            }
        };
        Self { redis, fault }
    }

    pub(crate) fn url(&self) -> String {
        match &self.redis {
            Redis::Cluster(cluster) => cluster.url(),
            Redis::Sentinel(sentinel) => sentinel.url(),
        }
    }

    /// The slots that the fault affects.
    pub(crate) fn victim(&self) -> RangeInclusive<u16> {
        match (&self.redis, self.fault) {
            (Redis::Sentinel(_), _) => 0..=SLOTS - 1,
            (Redis::Cluster(_), Fault::Reshard | Fault::Migrate) => MOVED,
            (Redis::Cluster(_), _) => 0..=5_460,
        }
    }

    /// Observes the election of another primary, if the fault causes one.
    pub(crate) fn observer(&self) -> Option<Observer> {
        if !self.fault.elects() {
            return None;
        }
        Some(match &self.redis {
            Redis::Cluster(cluster) => {
                // A node that does not reply has no vote.
                let living =
                    (0..cluster.len()).filter(|node| *node != VICTIM || self.fault == Fault::Graceful);
                let query = Query::OwnerOfSlot(0, cluster.id(VICTIM).to_owned());
                Observer::new(living.map(|node| cluster.node(node)), query)
            }
            Redis::Sentinel(sentinel) => {
                let query = Query::PortOfPrimary(sentinel.servers()[sentinel.primary()].port());
                Observer::new(sentinel.sentinels(), query)
            }
        })
    }

    /// Injects the fault. Returns when it began, or `None` if the server does not support it.
    pub(crate) async fn inject(&mut self) -> Option<Instant> {
        let before = Instant::now();
        match (&mut self.redis, self.fault) {
            (Redis::Cluster(cluster), Fault::Kill) => cluster.kill(VICTIM),
            (Redis::Cluster(cluster), Fault::Freeze) => cluster.pause(VICTIM),
            (Redis::Cluster(cluster), Fault::Replica) => cluster.kill(REPLICA),
            (Redis::Cluster(cluster), Fault::Silence) => cluster.proxy(VICTIM).block(Direction::Both),
            (Redis::Cluster(cluster), Fault::Graceful) => {
                cluster.command(REPLICA, &["CLUSTER", "FAILOVER"]);
                return Some(before);
            }
            (Redis::Cluster(cluster), Fault::Reshard) => {
                reshard(cluster).await;
                return Some(before);
            }
            (Redis::Cluster(cluster), Fault::Migrate) => {
                return cluster.move_slots_atomically(MOVED, TARGET).await.then_some(before);
            }
            (Redis::Sentinel(sentinel), Fault::Kill) => sentinel.kill(sentinel.primary()),
            (Redis::Sentinel(sentinel), Fault::Freeze) => sentinel.pause(sentinel.primary()),
            (Redis::Sentinel(sentinel), _) => {
                let first = &sentinel.sentinels()[0];
                // Valkey 9 can wait until the replica has all writes.
                if first.try_command(&["SENTINEL", "FAILOVER", SERVICE, "COORDINATED"]).is_err() {
                    first.command(&["SENTINEL", "FAILOVER", SERVICE]);
                }
                return Some(before);
            }
        }
        Some(Instant::now())
    }

    /// Waits for the duration of the fault, and ends it. Returns the time, or `None` if the fault has no end.
    pub(crate) async fn end_fault(&mut self) -> Option<Instant> {
        match (&self.redis, self.fault) {
            (Redis::Cluster(cluster), Fault::Freeze) => {
                sleep(FROZEN).await;
                cluster.resume(VICTIM);
            }
            (Redis::Cluster(cluster), Fault::Silence) => {
                sleep(SILENT).await;
                cluster.proxy(VICTIM).resume();
            }
            (Redis::Sentinel(sentinel), Fault::Freeze) => {
                sleep(FROZEN).await;
                let frozen = sentinel.servers().iter().position(|server| !server.is_running());
                sentinel.resume(frozen.expect("a suspended server"));
            }
            _ => return None,
        }
        Some(Instant::now())
    }

    /// Waits until the remaining servers are healthy.
    pub(crate) async fn until_healthy(&self) {
        match &self.redis {
            Redis::Cluster(cluster) => cluster.until_ok().await,
            Redis::Sentinel(sentinel) => sentinel.until_ok().await,
        }
    }

    /// The number of `ASK` and `MOVED` redirections of the running nodes of a cluster.
    pub(crate) fn redirections(&self) -> Option<[u64; 2]> {
        let Redis::Cluster(cluster) = &self.redis else { return None };
        let mut sums = [0; 2];
        for node in (0..cluster.len()).filter(|node| cluster.node(*node).is_running()) {
            let info: String =
                from_redis_value(cluster.command(node, &["INFO", "errorstats"])).expect("a text");
            for (sum, kind) in sums.iter_mut().zip(["errorstat_ASK:count=", "errorstat_MOVED:count="]) {
                let count = info.lines().find_map(|line| line.strip_prefix(kind));
                *sum += count.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default();
            }
        }
        Some(sums)
    }

    /// The values of these keys.
    pub(crate) fn find(&self, names: &[String]) -> Vec<Option<Vec<u8>>> {
        match &self.redis {
            Redis::Cluster(cluster) => {
                let primaries = cluster.primaries();
                let get = |name: &String| {
                    let mut replies =
                        primaries.iter().map(|primary| cluster.try_command(*primary, &["GET", name]));
                    // The others reply with a redirection.
                    let found =
                        replies.find_map(RedisResult::ok).expect("the value from the owner of the slot");
                    bytes(found)
                };
                names.iter().map(get).collect()
            }
            Redis::Sentinel(sentinel) => {
                let primary = &sentinel.servers()[sentinel.primary()];
                names.iter().map(|name| primary.get(name)).collect()
            }
        }
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    from_redis_value(value).expect("bytes or nothing")
}

/// Moves some slots at a time, with a pause before and after their keys are moved.
async fn reshard(cluster: &RedisCluster) {
    let slots: Vec<u16> = MOVED.collect();
    for batch in slots.chunks(AT_A_TIME) {
        for slot in batch {
            cluster.begin_move(*slot, TARGET).await;
        }
        sleep(HELD).await;
        for slot in batch {
            cluster.move_keys(*slot, TARGET).await;
        }
        sleep(HELD).await;
        for slot in batch {
            cluster.end_move(*slot, TARGET).await;
        }
    }
}

/// The first primary, another one, and the replica of the first.
const VICTIM: usize = 0;
const TARGET: usize = 1;
const REPLICA: usize = 3;

const MOVED: RangeInclusive<u16> = 1_000..=1_099;
const AT_A_TIME: usize = 10;
const HELD: Duration = Duration::from_millis(400);
const FROZEN: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(5);
/// The service name of the servers.
pub(crate) const SERVICE: &str = "mymaster";
