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

/// Tells when the connection for commands is not the one any more that it was.
pub(crate) struct Replaced(watch::Receiver<Link>);

impl Replaced {
    /// Since `link` was last looked at.
    pub(super) const fn since(link: watch::Receiver<Link>) -> Self {
        Self(link)
    }

    /// Resolves then.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn happened(&mut self) {
        // An error means that there is no connection, and will be none.
        let _ = self.0.changed().await;
    }
}
