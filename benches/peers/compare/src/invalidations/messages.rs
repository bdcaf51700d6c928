use std::time::Duration;

use futures_util::StreamExt;
use handstamp_app::{Driver, Node, Settings};
use subjects::{App, Error, Message, request};
use tokio::time::timeout;

use crate::in_flight::{FRED, REDIS_RS};

/// Writes as many sessions as there are to be messages, and returns the messages. Messages of the node itself cannot be sent again:
/// it recognizes each once.
pub(super) async fn capture(kind: Message, url: &str, settings: &Settings) -> Result<Vec<Vec<u8>>, Error> {
    let mut subscription = redis::Client::open(url)?.get_async_pubsub().await?;
    subscription.subscribe(channel(settings)).await?;
    let mut messages = subscription.into_on_message();
    let (node_id, channel) = ("another".to_owned(), Some(channel(settings)));
    let settings = Settings { node_id, channel, ..settings.clone() };
    let settings = if kind == Message::OfAnotherNamespace {
        Settings { namespace: "another".to_owned(), ..settings }
    } else {
        settings
    };
    let node = Node::start(&settings).await?;
    write_sessions(&mut *subjects::around(&node)).await?;
    let mut captured = Vec::new();
    while captured.len() < SESSIONS {
        let message = timeout(PATIENCE, messages.next()).await?.ok_or("the subscription ended")?;
        captured.push(message.get_payload_bytes().to_vec());
    }
    Ok(captured)
}

/// The channel of a namespace.
pub(super) fn channel(settings: &Settings) -> String {
    format!("{}:invalidate", settings.namespace)
}

/// The name of nodes in the report.
pub(super) fn label(driver: Driver) -> &'static str {
    if driver == Driver::RedisRs { REDIS_RS } else { FRED }
}

async fn write_sessions(app: &mut dyn App) -> Result<(), Error> {
    for _ in 0..SESSIONS {
        let cookie = app.log_in().await?;
        let status = app.send(request("/write", Some(cookie))).await.status();
        if !status.is_success() {
            return Err(format!("a write failed: {status}").into());
        }
    }
    Ok(())
}

const SESSIONS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(5);
