use handstamp_app::{Node, Settings};
use handstamp_store::{Bus, Bytes, MemoryBus, MemoryStore, Shard, Subscription};
use handstamp_testkit::{BusFaults, FaultyBus};
use tokio::task::yield_now;

use crate::app::{App, Error};
use crate::requests::request;
use crate::subject::around;

/// Whose invalidations a node receives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message {
    /// Those of its own writes.
    Own,
    /// Those of the writes of another node.
    OfAnotherNode,
    /// Those of another namespace on the same channel.
    OfAnotherNamespace,
    /// Bytes that are no message, and are rejected for their length.
    Malformed,
}

impl Message {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Own, Self::OfAnotherNode, Self::OfAnotherNamespace, Self::Malformed];

    /// Its name in the reports.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Own => "its own",
            Self::OfAnotherNode => "another node's",
            Self::OfAnotherNamespace => "another namespace's",
            Self::Malformed => "malformed",
        }
    }
}

/// A node in memory that has received messages of one kind, and handles them on command: apart from the writes that have caused them, and
/// from the connection that has brought them.
pub struct Handling {
    node: Node,
    app: Box<dyn App>,
    kind: Message,
    bus: MemoryBus,
    faults: BusFaults,
    /// Those that are sent again and again; none if they are the node's own.
    messages: Vec<Bytes>,
    handled: u64,
}

impl Handling {
    /// The number of messages that are handled together.
    pub const MESSAGES: u64 = 50;

    /// Starts the node.
    ///
    /// # Errors
    ///
    /// When it does not start, or writes fail.
    pub async fn start(kind: Message) -> Result<Self, Error> {
        let bus = MemoryBus::new();
        let store = MemoryStore::new(bus.clone());
        let (faulty, faults) = FaultyBus::new(bus.clone());
        let settings = |node_id: &str| Settings { node_id: node_id.to_owned(), ..Settings::default() };
        let node = Node::start_with(&settings("receiver"), store.clone(), faulty).await?;
        let namespace = match kind {
            Message::OfAnotherNamespace => "another",
            _ => "handstamp",
        };
        let messages = match kind {
            Message::Own => Vec::new(),
            Message::Malformed => vec![Bytes::from_static(b"x"); Self::MESSAGES as usize],
            Message::OfAnotherNode | Message::OfAnotherNamespace => {
                let mut subscription = bus.subscribe(Shard::ONLY).await?;
                let settings = Settings { namespace: namespace.to_owned(), ..settings("another") };
                let other = Node::start_with(&settings, store, bus.clone()).await?;
                write_sessions(&mut *around(&other), Self::MESSAGES).await?;
                let mut messages = Vec::new();
                while let Some(event) = subscription.try_next() {
                    messages.extend(event?.message().cloned());
                }
                messages
            }
        };
        let app = around(&node);
        Ok(Self { node, app, kind, bus, faults, messages, handled: 0 })
    }

    /// Has the messages arrive. The node does not look at them yet.
    ///
    /// # Errors
    ///
    /// When a write fails.
    pub async fn prepare(&mut self) -> Result<(), Error> {
        self.handled = self.node.received_messages();
        self.faults.stall();
        if self.kind == Message::Own {
            write_sessions(&mut *self.app, Self::MESSAGES).await?;
        }
        for message in self.messages.iter().cycle().take(self.missing()) {
            self.bus.publish(Shard::ONLY, message.clone()).await?;
        }
        yield_now().await;
        Ok(())
    }

    /// Has the node handle all of them.
    pub async fn handle(&self) {
        self.faults.work();
        while self.node.received_messages() < self.handled + Self::MESSAGES {
            yield_now().await;
        }
    }

    fn missing(&self) -> usize {
        if self.kind == Message::Own { 0 } else { Self::MESSAGES as usize }
    }
}

impl std::fmt::Debug for Handling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handling").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Changes new sessions. Only the changes are announced, and not the logins.
async fn write_sessions(app: &mut dyn App, count: u64) -> Result<(), Error> {
    for _ in 0..count {
        let cookie = app.log_in().await?;
        let status = app.send(request("/write", Some(cookie))).await.status();
        if !status.is_success() {
            return Err(format!("a write failed: {status}").into());
        }
    }
    Ok(())
}
