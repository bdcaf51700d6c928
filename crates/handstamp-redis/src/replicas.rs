use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::RedisError;
use crate::driver::{Reply, Request};
use crate::limit::Limit;
use crate::server::{ConnectionRole, Place, Server};
use crate::shared::Shared;
use crate::url::{Address, Host};

/// The replicas of a primary, as far as they can be vouched for: those that have all that the primary had a moment ago.
///
/// A replica that lags would answer with what is long gone, and nothing in its answer would tell. So the primary is asked
/// now and then how far its stream of changes has come, and then each replica how much of that it has.
#[derive(Debug)]
pub(crate) struct Replicas {
    readers: Readers,
    next: AtomicUsize,
    patience: Duration,
    vouching: AbortOnDropHandle<()>,
}

type Readers = Arc<RwLock<Vec<Arc<Reader>>>>;

#[derive(Debug)]
struct Reader {
    host: Host,
    server: Server,
    /// When the primary was asked how far it was, the last time that this one turned out to be as far.
    as_of: Mutex<Option<Instant>>,
}

impl Replicas {
    pub(crate) fn start(shared: &Shared, primary: &Arc<Server>) -> Self {
        let readers = Readers::default();
        let vouching = keep_vouching(shared.clone(), primary.clone(), readers.clone());
        Self {
            readers,
            next: AtomicUsize::new(0),
            // There has to be time left to ask the primary.
            patience: shared.config.limit(Limit::Read) / 4,
            vouching: AbortOnDropHandle::new(tokio::spawn(vouching)),
        }
    }

    /// What one of them answers, if it can be vouched for that it has everything that was written until [`MOST_LAG`]
    /// ago. They take turns.
    pub(crate) async fn read(&self, request: Request) -> Option<Reply> {
        let reader = self.reader()?;
        timeout(self.patience, reader.server.call(request, Limit::Read)).await.ok()?.ok()
    }

    pub(crate) async fn close(&self) {
        self.vouching.abort();
        let readers = std::mem::take(&mut *self.readers.write());
        join_all(readers.iter().map(|reader| reader.server.close())).await;
    }

    fn reader(&self) -> Option<Arc<Reader>> {
        let readers = self.readers.read();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..readers.len())
            .map(|offset| &readers[(start.wrapping_add(offset)) % readers.len()])
            .find(|reader| reader.is_vouched_for())
            .cloned()
    }
}

impl Reader {
    fn is_vouched_for(&self) -> bool {
        self.as_of.lock().is_some_and(|as_of| as_of.elapsed() < MOST_LAG) && self.server.is_up()
    }
}

async fn keep_vouching(shared: Shared, primary: Arc<Server>, readers: Readers) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let as_of = Instant::now();
        if let Ok((offset, hosts)) = role_of_primary(&primary).await {
            keep_those(&shared, &readers, hosts);
            let current = readers.read().clone();
            join_all(current.iter().map(async |reader| {
                let role = reader.server.call(Request::new("ROLE"), Limit::Probe).await;
                if role.is_ok_and(|role| has_all(&role, offset)) {
                    *reader.as_of.lock() = Some(as_of);
                }
            }))
            .await;
        }
    }
}

/// Those that are there already keep their connections.
fn keep_those(shared: &Shared, readers: &Readers, hosts: Vec<Host>) {
    let mut readers = readers.write();
    readers.retain(|reader| hosts.contains(&reader.host));
    for host in hosts {
        if readers.iter().any(|reader| reader.host == host) {
            continue;
        }
        let target = Arc::new(shared.config.target(&Address::Tcp(host.clone())));
        let place = Place::Replica { target, in_cluster: shared.config.is_cluster() };
        let server =
            Server::start(shared.config.clone(), place, ConnectionRole::ReplicaReads, shared.events.clone());
        readers.push(Arc::new(Reader { host, server, as_of: Mutex::new(None) }));
    }
}

/// How far the primary's stream of changes has come, and which replicas it has:
/// [`ROLE`](https://redis.io/docs/latest/commands/role/).
async fn role_of_primary(primary: &Server) -> Result<(i64, Vec<Host>), RedisError> {
    let role = primary.call(Request::new("ROLE"), Limit::Probe).await?;
    let Some([role, offset, replicas]) = role.as_list() else { return Err(RedisError::Protocol) };
    if role.as_text() != Some("master") {
        return Err(RedisError::NotPrimary);
    }
    let replicas = replicas.as_list().ok_or(RedisError::Protocol)?;
    let hosts = replicas.iter().filter_map(|replica| match replica.as_list() {
        Some([name, port, _]) => {
            Some(Host { name: name.as_text()?.to_owned(), port: port.as_text()?.parse().ok()? })
        }
        _ => None,
    });
    Ok((offset.as_integer().ok_or(RedisError::Protocol)?, hosts.collect()))
}

/// Whether a replica has that much of the stream, by its role. One that is not connected to its primary has nothing to say.
fn has_all(role: &Reply, offset: i64) -> bool {
    match role.as_list() {
        Some([role, _, _, state, has]) => {
            role.as_text() == Some("slave")
                && state.as_text() == Some("connected")
                && has.as_integer().is_some_and(|has| has >= offset)
        }
        _ => false,
    }
}

/// Nodes remember for longer than that what has changed, and ask the primary for it.
const MOST_LAG: Duration = Duration::from_secs(1);
const BEAT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_connected_and_as_far_has_all() {
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
        assert!(has_all(&role("slave", "connected", 7), 7) && has_all(&role("slave", "connected", 8), 7));
        for other in [
            role("slave", "connected", 6),
            role("slave", "connect", 7),
            role("slave", "sync", 7),
            role("master", "connected", 7),
            Reply::List(vec![text("slave")]),
            Reply::Nil,
        ] {
            assert!(!has_all(&other, 7), "{other:?}");
        }
    }
}
