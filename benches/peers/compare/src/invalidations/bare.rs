use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::Config;
use futures_util::StreamExt;
use handstamp_app::Driver;
use redis::aio::MultiplexedConnection;
use subjects::Error;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

/// A bare subscriber of a channel, which counts the messages.
#[derive(Debug)]
pub(super) struct Subscriber {
    received: Arc<AtomicU64>,
    task: JoinHandle<()>,
    /// Its connection ends with it.
    _client: Option<Client>,
}

/// A bare publisher.
#[derive(Clone)]
pub(super) enum BarePublisher {
    Fred(Client),
    RedisRs(MultiplexedConnection),
}

impl Subscriber {
    pub(super) async fn subscribe(driver: Driver, url: &str, channel: &str) -> Result<Self, Error> {
        let received = Arc::new(AtomicU64::new(0));
        let counter = received.clone();
        if driver == Driver::RedisRs {
            let mut subscription = redis::Client::open(url)?.get_async_pubsub().await?;
            subscription.subscribe(channel).await?;
            let mut messages = subscription.into_on_message();
            let task = tokio::spawn(async move {
                while messages.next().await.is_some() {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
            return Ok(Self { received, task, _client: None });
        }
        let client = fred_client(url).await?;
        let mut messages = client.message_rx();
        let task = tokio::spawn(async move {
            loop {
                let received = match messages.recv().await {
                    Ok(_) => 1,
                    // The queue was full: these have been received and dropped.
                    Err(RecvError::Lagged(dropped)) => dropped,
                    Err(RecvError::Closed) => break,
                };
                counter.fetch_add(received, Ordering::Relaxed);
            }
        });
        client.subscribe(channel).await?;
        Ok(Self { received, task, _client: Some(client) })
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl BarePublisher {
    pub(super) async fn connect(driver: Driver, url: &str) -> Result<Self, Error> {
        if driver == Driver::RedisRs {
            let client = redis::Client::open(url)?;
            return Ok(Self::RedisRs(client.get_multiplexed_async_connection().await?));
        }
        Ok(Self::Fred(fred_client(url).await?))
    }

    pub(super) async fn publish(&self, channel: &str, message: &'static [u8]) -> Result<(), Error> {
        match self {
            Self::Fred(client) => client.publish::<(), _, _>(channel, message).await?,
            Self::RedisRs(connection) => {
                let mut connection = connection.clone();
                redis::cmd("PUBLISH").arg(channel).arg(message).exec_async(&mut connection).await?;
            }
        }
        Ok(())
    }
}

/// The name of bare clients in the report.
pub(super) fn name(driver: Driver) -> &'static str {
    if driver == Driver::RedisRs { BARE_REDIS_RS } else { BARE_FRED }
}

async fn fred_client(url: &str) -> Result<Client, Error> {
    let client = Client::new(Config::from_url(url)?, None, None, None);
    client.init().await?;
    Ok(client)
}

pub(crate) const BARE_FRED: &str = "bare fred";
pub(crate) const BARE_REDIS_RS: &str = "bare redis-rs";
