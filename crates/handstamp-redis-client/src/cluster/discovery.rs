use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::member::Member;
use super::slot_fence::SlotFence;
use super::snapshot::ClusterSnapshot;
use super::state::State;
use crate::driver::Connection;
use crate::highest_epoch::highest_epoch;
use crate::server::LoggedCauses;
use crate::url::{Address, Host};
use crate::{Command, ConnectionRole, RedisError, Reply};

/// Queries the layout of the cluster: on request, at most ten times a second; every two seconds without a request; and more
/// often while a primary does not reply, because another will be elected.
pub(super) async fn run(state: Arc<State>) {
    let mut last_all_up_at = Instant::now();
    let logged_causes = LoggedCauses::default();
    loop {
        refresh(&state, &logged_causes).await;
        state.importing.sweep();
        state.refreshes.send_modify(|refreshes| *refreshes += 1);
        sleep(MIN_PAUSE).await;
        let map = state.map();
        let all_up = !map.members().is_empty() && map.members().iter().all(|member| member.primary.is_up());
        if all_up {
            last_all_up_at = Instant::now();
        }
        // A primary without a successor after ten seconds is unlikely to get one soon.
        let pause = if all_up {
            MAX_PAUSE
        } else {
            (last_all_up_at.elapsed() / 10).saturating_sub(SECOND).min(SECOND)
        };
        // An error means that there was no request.
        let _ = timeout(pause, state.refresh_requests.notified()).await;
    }
}

/// Queries the primaries that are up, or else all hosts that may be nodes.
async fn refresh(state: &State, logged_causes: &LoggedCauses) {
    let map = state.map();
    let mut up: Vec<_> = map.members().iter().filter(|member| member.primary.is_up()).collect();
    // In turns, where there are many.
    let turn = usize::try_from(*state.refreshes.borrow()).unwrap_or(0) % up.len().max(1);
    up.rotate_left(turn);
    let queries = up.iter().take(MAX_QUERIES).map(|member| query_member(member));
    let snapshot = match highest_epoch(queries, |snapshot| snapshot.epoch).await {
        Ok(snapshot) => Ok(snapshot),
        Err(_) => {
            let hosts = state.hosts();
            highest_epoch(hosts.iter().map(|host| query_host(state, host)), |snapshot| snapshot.epoch).await
        }
    };
    match snapshot {
        Ok(snapshot) => {
            logged_causes.clear();
            state.install(&snapshot);
        }
        Err(cause) => {
            if logged_causes.is_new(&cause) {
                tracing::warn!(%cause, "no node of the cluster reports its layout");
            } else {
                tracing::debug!(%cause, "still no node of the cluster reports its layout");
            }
            state.record_failure(cause);
        }
    }
}

async fn query_member(member: &Member) -> Result<ClusterSnapshot, RedisError> {
    let [slots, info] = queries();
    let (slots, info) = tokio::try_join!(member.primary.call(&slots), member.primary.call(&info))?;
    ClusterSnapshot::parse(&slots, &info, &member.host)
}

async fn query_host(state: &State, host: &Host) -> Result<ClusterSnapshot, RedisError> {
    let target = state.shared.config.target(&Address::Tcp(host.clone()));
    let replies = timeout(state.shared.config.connect_timeout, async {
        let name = state.shared.config.connection_name(ConnectionRole::Discovery);
        let connection = Connection::open(&target, &name).await?;
        let queries = queries();
        let replies = join_all(queries.iter().map(|query| connection.caller().call(query))).await;
        replies.into_iter().collect::<Result<Vec<Reply>, _>>()
    });
    match &replies.await.map_err(|_| RedisError::unresponsive())??[..] {
        [slots, info] => ClusterSnapshot::parse(slots, info, host),
        _ => Err(RedisError::UnexpectedReply),
    }
}

fn queries() -> [Command; 2] {
    [SlotFence::command(), Command::probe("CLUSTER").arg("INFO")]
}

/// The most primaries that are queried at a time: nearly always, all of them report the same.
const MAX_QUERIES: usize = 8;
const SECOND: Duration = Duration::from_secs(1);
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// Redirections and fences request a refresh for most changes sooner.
const MAX_PAUSE: Duration = Duration::from_secs(2);
