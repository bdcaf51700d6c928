use std::sync::Arc;

use tokio::sync::watch;

use crate::RedisError;
use crate::driver::{Caller, ServerInfo, Target};

/// The state of a server's connection for commands.
#[derive(Clone, Debug)]
pub(super) enum ConnectionState {
    /// An attempt is in progress, and commands wait for it.
    Connecting,
    Up(LiveConnection),
    /// The last attempt failed. Attempts go on, and commands fail at once.
    Down(RedisError),
    /// No attempt follows.
    Closed,
}

#[derive(Clone, Debug)]
pub(super) struct LiveConnection {
    pub(super) caller: Caller,
    pub(super) target: Arc<Target>,
    /// The `INFO` of the server when the connection was made.
    pub(super) info: Arc<ServerInfo>,
}

impl ConnectionState {
    /// Goes on to `next`, unless the connection is closed for good. Returns whether it is not.
    pub(super) fn advance(state: &watch::Sender<Self>, next: Self) -> bool {
        state.send_if_modified(|state| {
            let open = !matches!(state, Self::Closed);
            if open {
                *state = next;
            }
            open
        })
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ConnectionCounters {
    /// How often a connection was lost.
    pub(super) connections: u64,
    /// How often the server behind the connection may have become another one, or no longer the primary.
    pub(super) servers: u64,
}

impl ConnectionCounters {
    /// The next connection leads to another server, or is not known to lead to the same.
    pub(super) fn leave_server(counters: &watch::Sender<Self>) {
        counters.send_modify(|counters| counters.servers += 1);
    }
}

/// Reports when the connection for commands may lead to another server than it did.
#[derive(Clone)]
pub(crate) struct ServerWatch {
    counters: watch::Receiver<ConnectionCounters>,
    before: u64,
}

impl ServerWatch {
    /// Watches from now on.
    pub(super) fn from_now(counters: watch::Receiver<ConnectionCounters>) -> Self {
        let before = counters.borrow().servers;
        Self { counters, before }
    }

    /// Whether it may lead elsewhere. This is so before the first command can go there.
    pub(crate) fn has_changed(&self) -> bool {
        self.counters.borrow().servers != self.before
    }

    /// Resolves when it may lead elsewhere.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) {
        let before = self.before;
        // An error means that the server was dropped, and with it the connection.
        let _ = self.counters.wait_for(|counters| counters.servers != before).await;
    }
}
