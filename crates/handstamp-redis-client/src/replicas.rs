use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::command::Limit;
use crate::server::{Endpoint, Server};
use crate::shared::Shared;
use crate::url::{Address, Host};
use crate::{Command, ConnectionRole, RedisError, Reply};

/// The replicas of a primary. Only those are read that have all writes older than a second.
///
/// The reply of a replica that lags does not show that it is stale. So a task compares the replication offset of the
/// primary with those of its replicas four times a second.
#[derive(Debug)]
pub(crate) struct Replicas {
    replicas: ReplicaList,
    next: AtomicUsize,
    read_limit: Duration,
    monitor: AbortOnDropHandle<()>,
}

type ReplicaList = Arc<RwLock<Vec<Arc<Replica>>>>;

#[derive(Debug)]
struct Replica {
    host: Host,
    server: Server,
    /// When the primary had the offset that this replica was last seen to have reached.
    caught_up_at: Mutex<Option<Instant>>,
}

impl Replicas {
    pub(crate) fn start(shared: &Shared, primary: &Arc<Server>) -> Self {
        let replicas = ReplicaList::default();
        let monitor = monitor(shared.clone(), primary.clone(), replicas.clone());
        Self {
            replicas,
            next: AtomicUsize::new(0),
            // This leaves time to query the primary.
            read_limit: shared.config.limit(Limit::Read) / 4,
            monitor: AbortOnDropHandle::new(tokio::spawn(monitor)),
        }
    }

    /// Reads from a replica that has all writes older than [`MAX_LAG`], round robin. `None` if there is none, or it fails.
    pub(crate) async fn read(&self, command: &Command) -> Option<Reply> {
        let replica = self.choose()?;
        timeout(self.read_limit, replica.server.call(command)).await.ok()?.ok()
    }

    pub(crate) async fn close(&self) {
        self.monitor.abort();
        let replicas = std::mem::take(&mut *self.replicas.write());
        join_all(replicas.iter().map(|replica| replica.server.close())).await;
    }

    fn choose(&self) -> Option<Arc<Replica>> {
        let replicas = self.replicas.read();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..replicas.len())
            .map(|offset| &replicas[(start.wrapping_add(offset)) % replicas.len()])
            .find(|replica| replica.is_current())
            .cloned()
    }
}

impl Replica {
    fn is_current(&self) -> bool {
        self.caught_up_at.lock().is_some_and(|at| at.elapsed() < MAX_LAG) && self.server.is_up()
    }
}

async fn monitor(shared: Shared, primary: Arc<Server>, replicas: ReplicaList) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let queried_at = Instant::now();
        if let Ok((offset, hosts)) = role_of_primary(&primary).await {
            update(&shared, &replicas, hosts);
            let current = replicas.read().clone();
            join_all(current.iter().map(async |replica| {
                let role = replica.server.call(&Command::probe("ROLE")).await;
                if role.is_ok_and(|role| has_reached(&role, offset)) {
                    *replica.caught_up_at.lock() = Some(queried_at);
                }
            }))
            .await;
        }
    }
}

/// Replicas that stay keep their connections.
fn update(shared: &Shared, replicas: &ReplicaList, hosts: Vec<Host>) {
    let mut replicas = replicas.write();
    replicas.retain(|replica| hosts.contains(&replica.host));
    for host in hosts {
        if replicas.iter().any(|replica| replica.host == host) {
            continue;
        }
        let target = Arc::new(shared.config.target(&Address::Tcp(host.clone())));
        let endpoint = Endpoint::Replica { target, in_cluster: shared.config.url.is_cluster() };
        let server = Server::start(shared, endpoint, ConnectionRole::ReplicaReads);
        replicas.push(Arc::new(Replica { host, server, caught_up_at: Mutex::new(None) }));
    }
}

/// The replication offset of the primary and its replicas, from [`ROLE`](https://redis.io/docs/latest/commands/role/).
async fn role_of_primary(primary: &Server) -> Result<(i64, Vec<Host>), RedisError> {
    let role = primary.call(&Command::probe("ROLE")).await?;
    let Some([role, offset, replicas]) = role.as_list() else { return Err(RedisError::UnexpectedReply) };
    if role.as_text() != Some("master") {
        return Err(RedisError::NotPrimary);
    }
    let replicas = replicas.as_list().ok_or(RedisError::UnexpectedReply)?;
    let hosts = replicas.iter().filter_map(|replica| match replica.as_list() {
        Some([name, port, _]) => {
            Some(Host { name: name.as_text()?.to_owned(), port: port.as_text()?.parse().ok()? })
        }
        _ => None,
    });
    Ok((offset.as_integer().ok_or(RedisError::UnexpectedReply)?, hosts.collect()))
}

/// Whether a replica, by its `ROLE`, is connected to its primary and has reached this offset.
fn has_reached(role: &Reply, offset: i64) -> bool {
    match role.as_list() {
        Some([role, _, _, state, reached]) => {
            role.as_text() == Some("slave")
                && state.as_text() == Some("connected")
                && reached.as_integer().is_some_and(|reached| reached >= offset)
        }
        _ => false,
    }
}

/// Nodes remember recent changes for longer than that, and load them from the primary.
const MAX_LAG: Duration = Duration::from_secs(1);
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connected_replica_with_the_offset_has_reached_it() {
        let text = |text: &str| Reply::Bytes(text.to_owned().into());
        let role = |role, state, offset| {
            Reply::List(vec![
                text(role),
                text("10.0.0.1"),
                Reply::Integer(6379),
                text(state),
                Reply::Integer(offset),
            ])
        };
        assert!(
            has_reached(&role("slave", "connected", 7), 7) && has_reached(&role("slave", "connected", 8), 7)
        );
        for other in [
            role("slave", "connected", 6),
            role("slave", "connect", 7),
            role("slave", "sync", 7),
            role("master", "connected", 7),
            Reply::List(vec![text("slave")]),
            Reply::Nil,
        ] {
            assert!(!has_reached(&other, 7), "{other:?}");
        }
    }
}
