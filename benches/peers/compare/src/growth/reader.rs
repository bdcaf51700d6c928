use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use subjects::Error;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// A client that loads a session after each message, as a node does whose requests read what it has dropped.
pub(super) struct Reader {
    received: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Reader {
    /// It loads a session again when the server announces a change of it.
    pub(super) async fn track(url: &str) -> Result<Self, Error> {
        let (mut connection, pushes) = connect(url).await?;
        redis::cmd("CLIENT").arg("TRACKING").arg("ON").exec_async(&mut connection).await?;
        for key in keys(&mut connection).await? {
            load(&mut connection, &key).await?;
        }
        Ok(Self::start(connection, pushes, invalidated))
    }

    /// It loads any session after each message on this channel.
    pub(super) async fn subscribe(url: &str, channel: &str) -> Result<Self, Error> {
        let (mut connection, pushes) = connect(url).await?;
        connection.subscribe(channel).await?;
        let keys = keys(&mut connection).await?;
        let mut turn = 0;
        Ok(Self::start(connection, pushes, move |push| {
            if push.kind != PushKind::Message {
                return Vec::new();
            }
            turn += 1;
            vec![keys[turn % keys.len()].clone()]
        }))
    }

    pub(super) fn received(&self) -> f64 {
        self.received.load(Ordering::Relaxed) as f64
    }

    fn start(
        mut connection: MultiplexedConnection,
        mut pushes: UnboundedReceiver<PushInfo>,
        mut keys_of: impl FnMut(PushInfo) -> Vec<String> + Send + 'static,
    ) -> Self {
        let received = Arc::new(AtomicU64::new(0));
        let counter = received.clone();
        let task = tokio::spawn(async move {
            while let Some(push) = pushes.recv().await {
                for key in keys_of(push) {
                    counter.fetch_add(1, Ordering::Relaxed);
                    if load(&mut connection, &key).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self { received, task }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(url: &str) -> Result<(MultiplexedConnection, UnboundedReceiver<PushInfo>), Error> {
    let (sender, pushes) = unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
    Ok((client.get_multiplexed_async_connection_with_config(&config).await?, pushes))
}

/// The keys of all sessions.
async fn keys(connection: &mut MultiplexedConnection) -> Result<Vec<String>, Error> {
    Ok(redis::cmd("KEYS").arg("*:s:*").query_async(connection).await?)
}

/// With the commands of a node.
async fn load(connection: &mut MultiplexedConnection, key: &str) -> Result<(), Error> {
    let mut commands = redis::pipe();
    commands.cmd("GET").arg(key).ignore().cmd("PTTL").arg(key).ignore();
    Ok(commands.exec_async(connection).await?)
}

fn invalidated(push: PushInfo) -> Vec<String> {
    if push.kind != PushKind::Invalidate {
        return Vec::new();
    }
    let keys = push.data.into_iter().flat_map(|value| match value {
        Value::Array(keys) => keys,
        other => vec![other],
    });
    keys.filter_map(|key| redis::from_redis_value(key).ok()).collect()
}
