use std::sync::Arc;
use std::thread;
use std::time::Duration;

use handstamp_app::{Driver, Node, Settings};
use subjects::{Error, Message};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::bare::{Subscriber, name};
use super::messages::{capture, channel, label};
use crate::clock::now;
use crate::cpu::{pin, thread_cpu};
use crate::quiet::Quiet;
use crate::results::MessageCost;

/// The CPU time that a node spends on the messages of each kind, and a bare subscriber on the same messages. Each receiver has a thread
/// of its own, whose CPU time counts.
pub(super) async fn measure(url: &str, blocks: usize, quiet: &mut Quiet) -> Result<Vec<MessageCost>, Error> {
    let mut rows = Vec::new();
    for driver in [Driver::Fred, Driver::RedisRs] {
        eprintln!("invalidations: messages with {driver}");
        let cpu = quiet.wait().await?;
        let url = url.to_owned();
        rows.extend(spawn_blocking(move || on_this_thread(driver, &url, blocks)).await??);
        quiet.ended(&cpu)?;
    }
    Ok(rows)
}

fn on_this_thread(driver: Driver, url: &str, blocks: usize) -> Result<Vec<MessageCost>, Error> {
    pin(0)?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let namespace = format!("costs-{driver}");
        let settings =
            Settings { driver, namespace, node_id: "receiver".to_owned(), ..Settings::on_redis(url) };
        let channel = channel(&settings);
        let node = Node::start(&settings).await?;
        let mut rows = Vec::new();
        let mut messages = Arc::default();
        for kind in [Message::OfAnotherNode, Message::OfAnotherNamespace] {
            messages = Arc::new(capture(kind, url, &settings).await?);
            let load = Load { url, channel: &channel, messages: &messages };
            rows.extend(
                load.measure(label(driver), kind.label(), blocks, || node.received_messages()).await?,
            );
        }
        // The bare subscriber gets the same messages on another channel, and the node does not get them.
        let channel = format!("bare-{channel}");
        let subscriber = Subscriber::subscribe(driver, url, &channel).await?;
        let load = Load { url, channel: &channel, messages: &messages };
        rows.extend(load.measure(name(driver), "any", blocks, || subscriber.received()).await?);
        Ok(rows)
    })
}

/// Messages to publish.
struct Load<'l> {
    url: &'l str,
    channel: &'l str,
    messages: &'l Arc<Vec<Vec<u8>>>,
}

impl Load<'_> {
    async fn measure(
        &self,
        subject: &str,
        message: &str,
        blocks: usize,
        received: impl Fn() -> u64,
    ) -> Result<Vec<MessageCost>, Error> {
        let mut rows = [true, false].map(|flood| MessageCost {
            subject: subject.to_owned(),
            message: message.to_owned(),
            flood,
            nanoseconds: Vec::new(),
        });
        for _ in 0..blocks {
            for row in &mut rows {
                row.nanoseconds.push(self.block(row.flood, &received).await?);
            }
        }
        Ok(rows.into())
    }

    /// The CPU time of this thread for each message, in nanoseconds.
    async fn block(&self, flood: bool, received: impl Fn() -> u64) -> Result<f64, Error> {
        let count = if flood { FLOOD } else { TRICKLE };
        let (url, channel, messages) = (self.url.to_owned(), self.channel.to_owned(), self.messages.clone());
        let (before, begun, cpu) = (received(), now(), thread_cpu());
        let publisher = thread::spawn(move || publish(&url, &channel, &messages, count, flood));
        while received() - before < count as u64 {
            // It may have failed.
            if begun.elapsed() > PATIENCE {
                publisher.join().map_err(|_| "the publisher panicked")??;
                return Err(format!(
                    "{} of {count} messages on {} have arrived, flood: {flood}",
                    received() - before,
                    self.channel
                )
                .into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        let spent = thread_cpu() - cpu;
        publisher.join().map_err(|_| "the publisher panicked")??;
        Ok(spent * 1e9 / count as f64)
    }
}

/// Publishes messages in turn, on the core of Redis.
fn publish(url: &str, channel: &str, messages: &[Vec<u8>], count: usize, flood: bool) -> Result<(), Error> {
    pin(1)?;
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let mut rest = messages.iter().cycle().take(count).peekable();
    while rest.peek().is_some() {
        let mut pipeline = redis::pipe();
        for message in rest.by_ref().take(if flood { PIPELINE } else { 1 }) {
            pipeline.cmd("PUBLISH").arg(channel).arg(message).ignore();
        }
        pipeline.exec(&mut connection)?;
    }
    Ok(())
}

const FLOOD: usize = 20_000;
const TRICKLE: usize = 2_000;
const PIPELINE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);
