use std::time::Duration;

use futures_util::StreamExt;
use handstamp_app::{Driver, Node, Settings};
use subjects::{App, Error, request};
use tokio::time::timeout;

use crate::in_flight::{FRED, REDIS_RS};

/// Whose invalidations a node receives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Message {
    /// Those of its own writes.
    Own,
    /// Those of the writes of another node.
    OfAnotherNode,
    /// Those of another namespace on the same channel.
    OfAnotherNamespace,
}

impl Message {
    pub(crate) const ALL: [Self; 3] = [Self::Own, Self::OfAnotherNode, Self::OfAnotherNamespace];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Own => "its own",
            Self::OfAnotherNode => "another node's",
            Self::OfAnotherNamespace => "another namespace's",
        }
    }

    /// Writes as many sessions as there are to be messages, and returns the messages. Those of the receiver stay the newest of
    /// their sessions in its cache.
    pub(super) async fn capture(
        self,
        url: &str,
        receiver: &Node,
        settings: &Settings,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut subscription = redis::Client::open(url)?.get_async_pubsub().await?;
        subscription.subscribe(channel(settings)).await?;
        let mut messages = subscription.into_on_message();
        match self {
            Self::Own => write_sessions(&mut *subjects::around(receiver)).await?,
            Self::OfAnotherNode => {
                let node =
                    Node::start(&Settings { node_id: "another".to_owned(), ..settings.clone() }).await?;
                write_sessions(&mut *subjects::around(&node)).await?;
            }
            Self::OfAnotherNamespace => {
                let (namespace, channel) = ("another".to_owned(), Some(channel(settings)));
                let node = Node::start(&Settings { namespace, channel, ..settings.clone() }).await?;
                write_sessions(&mut *subjects::around(&node)).await?;
            }
        }
        let mut captured = Vec::new();
        while captured.len() < SESSIONS {
            let message = timeout(PATIENCE, messages.next()).await?.ok_or("the subscription ended")?;
            captured.push(message.get_payload_bytes().to_vec());
        }
        Ok(captured)
    }
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
