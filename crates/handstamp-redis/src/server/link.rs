use std::sync::Arc;

use tokio::sync::watch;

use crate::RedisError;
use crate::driver::{Caller, Target};

/// The state of a server's connection for commands.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// It is just being made, and may well be there in a moment: commands wait for that.
    Connecting,
    /// It is there, and leads to this target.
    Up(Caller, Arc<Target>),
    /// It could not be made. Attempts go on, and commands fail at once.
    Down(RedisError),
    /// There will be none any more.
    Closed,
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

/// Which connection for commands it is, of all there have been; and which of those lead to the same server for certain.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Lives {
    pub(super) connections: u64,
    pub(super) servers: u64,
}

/// Tells when the connection for commands may lead elsewhere than it did.
pub(crate) struct Replaced {
    lives: watch::Receiver<Lives>,
    then: u64,
}

impl Replaced {
    /// From now on.
    pub(super) fn from_now(lives: watch::Receiver<Lives>) -> Self {
        let then = lives.borrow().servers;
        Self { lives, then }
    }

    /// Resolves then.
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
