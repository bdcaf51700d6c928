use std::sync::Arc;

use tokio::sync::watch;

use crate::RedisError;
use crate::driver::{Caller, ServerInfo, Target};

/// The state of a server's connection for commands.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// It is just being made, and may well be there in a moment: commands wait for that.
    Connecting,
    /// It is there.
    Up(Live),
    /// It could not be made. Attempts go on, and commands fail at once.
    Down(RedisError),
    /// There will be none any more.
    Closed,
}

/// A connection that is there.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) caller: Caller,
    /// Where it leads.
    pub(super) target: Arc<Target>,
    /// What the server said of itself when the connection was made.
    pub(super) info: Arc<ServerInfo>,
}

impl Link {
    /// Goes on to `next`, unless there will be no connection any more. Returns whether there is to be one.
    pub(super) fn advance(link: &watch::Sender<Self>, next: Self) -> bool {
        link.send_if_modified(|link| {
            let open = !matches!(link, Self::Closed);
            if open {
                *link = next;
            }
            open
        })
    }
}

/// Counts of what the connection for commands has gone through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Lives {
    /// How often a connection was lost.
    pub(super) connections: u64,
    /// How often the server behind it may have become another one, or no longer the primary.
    pub(super) servers: u64,
}

impl Lives {
    /// The next connection leads to another server, or is not known to lead to the same.
    pub(super) fn leave_server(lives: &watch::Sender<Self>) {
        lives.send_modify(|lives| lives.servers += 1);
    }
}

/// Tells when the connection for commands may lead to another server than it did.
#[derive(Clone)]
pub(crate) struct Replaced {
    lives: watch::Receiver<Lives>,
    then: u64,
}

impl Replaced {
    /// Watches from now on.
    pub(super) fn from_now(lives: watch::Receiver<Lives>) -> Self {
        let then = lives.borrow().servers;
        Self { lives, then }
    }

    /// Whether that has happened. It has before the first command can go to the other server.
    pub(crate) fn has_happened(&self) -> bool {
        self.lives.borrow().servers != self.then
    }

    /// Resolves when that happens.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn happened(&mut self) {
        let then = self.then;
        // An error means that there is no connection, and will be none.
        let _ = self.lives.wait_for(|lives| lives.servers != then).await;
    }
}
