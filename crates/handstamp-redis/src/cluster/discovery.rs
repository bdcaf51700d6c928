use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::fence::SlotFence;
use super::member::Member;
use super::state::State;
use super::view::View;
use crate::RedisError;
use crate::driver::{Connection, Reply, Request};
use crate::latest::latest;
use crate::limit::Limit;
use crate::purpose::Purpose;
use crate::server::Told;
use crate::task::Task;
use crate::url::{Address, Host};

/// The task that looks what the cluster is like: on request, but only so often; now and then without; and again and
/// again while a primary does not answer, because another will take its place.
pub(super) async fn keep_looking(state: Arc<State>) {
    let mut calm_at = Instant::now();
    let told = Told::default();
    loop {
        look(&state, &told).await;
        state.guests.sweep();
        state.refreshes.send_modify(|refreshes| *refreshes += 1);
        sleep(SHORTEST_PAUSE).await;
        let map = state.map();
        let calm = !map.members().is_empty() && map.members().iter().all(|member| member.primary.is_up());
        if calm {
            calm_at = Instant::now();
        }
        // One that has no successor yet after ten seconds will hardly get one soon.
        let pause =
            if calm { LONGEST_PAUSE } else { (calm_at.elapsed() / 10).saturating_sub(SECOND).min(SECOND) };
        // An error means that nobody wanted to know.
        let _ = timeout(pause, state.wanted.notified()).await;
    }
}

/// Asks those who are known to be there, or else everybody who might be.
async fn look(state: &State, told: &Told) {
    let map = state.map();
    let mut known: Vec<_> = map.members().iter().filter(|member| member.primary.is_up()).collect();
    // Others each time, where there are many.
    let turn = usize::try_from(*state.refreshes.borrow()).unwrap_or(0) % known.len().max(1);
    known.rotate_left(turn);
    let asked = known.iter().take(MOST_ASKED).map(|member| ask_member(member));
    let view = match latest(asked, |view| view.epoch).await {
        Ok(view) => Ok(view),
        Err(_) => {
            let hosts = state.hosts();
            latest(hosts.iter().map(|host| ask_host(state, host)), |view| view.epoch).await
        }
    };
    match view {
        Ok(view) => {
            told.forget();
            state.install(&view);
        }
        Err(cause) => {
            if told.is_news(&cause) {
                tracing::warn!(%cause, "no node of the cluster says what it is like");
            } else {
                tracing::debug!(%cause, "still no node of the cluster says what it is like");
            }
            state.note_failure(cause);
        }
    }
}

async fn ask_member(member: &Member) -> Result<View, RedisError> {
    let [slots, info] = questions().map(|question| Task::new(question, Limit::Probe));
    let (slots, info) = tokio::try_join!(member.primary.call(&slots), member.primary.call(&info))?;
    View::read(&slots, &info, &member.host)
}

async fn ask_host(state: &State, host: &Host) -> Result<View, RedisError> {
    let target = state.shared.config.target(&Address::Tcp(host.clone()));
    let asked = timeout(state.shared.config.connect_timeout, async {
        let name = state.shared.config.client_name(Purpose::Discovery);
        let connection = Connection::open(&target, &name).await?;
        let replies = join_all(questions().map(|question| connection.caller().call(question))).await;
        replies.into_iter().collect::<Result<Vec<Reply>, _>>()
    });
    match &asked.await.map_err(|_| RedisError::silence())??[..] {
        [slots, info] => View::read(slots, info, host),
        _ => Err(RedisError::Protocol),
    }
}

fn questions() -> [Request; 2] {
    [SlotFence::request(), Request::new("CLUSTER").arg("INFO")]
}

/// At most so many are asked at a time: they all know the same, as a rule.
const MOST_ASKED: usize = 8;
const SECOND: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Commands and fences tell of most changes sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
