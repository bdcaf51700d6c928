use std::time::Duration;

use handstamp::Sessions;
use tokio::sync::watch;
use tokio::time::sleep;

/// Signals servers to stop.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<Phase>);

#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Serving,
    /// Requests in progress are finished.
    Finishing,
    /// They are not finished.
    AtOnce,
}

/// On SIGTERM the nodes report at once that they are not ready, and stop accepting connections half a second later, so that a load
/// balancer can switch to other nodes. On SIGINT, from a terminal, they stop accepting at once. A second signal also stops the
/// requests in progress.
pub(crate) fn on_signal(nodes: Vec<Sessions>) -> Stop {
    let (sender, receiver) = watch::channel(Phase::Serving);
    tokio::spawn(async move {
        let notice = signal().await;
        tracing::info!("shutting down");
        nodes.iter().for_each(Sessions::drain);
        sleep(notice).await;
        sender.send_replace(Phase::Finishing);
        tokio::select! {
            _ = signal() => sender.send_replace(Phase::AtOnce),
            // Resolves when all servers have ended.
            () = sender.closed() => return,
        };
        sender.closed().await;
    });
    Stop(receiver)
}

impl Stop {
    /// Resolves when no more connections are to be accepted.
    pub(crate) async fn accepting(mut self) {
        self.reached(Phase::Finishing).await;
    }

    /// Runs `server` to its end, but at most for the grace period after the stop signal: a client that never finishes its request
    /// must not keep the process alive.
    pub(crate) async fn with_grace(
        &self,
        server: impl IntoFuture<Output = std::io::Result<()>>,
    ) -> std::io::Result<()> {
        let too_late = async {
            let mut stop = self.clone();
            stop.reached(Phase::Finishing).await;
            tokio::select! {
                () = sleep(GRACE) => {}
                () = stop.reached(Phase::AtOnce) => {}
            }
        };
        tokio::select! {
            served = server.into_future() => served,
            () = too_late => {
                tracing::warn!("some requests did not end in time");
                Ok(())
            }
        }
    }

    async fn reached(&mut self, phase: Phase) {
        let _ = self.0.wait_for(|reached| *reached >= phase).await;
    }
}

/// Waits for a signal. Returns how long to continue to accept connections.
#[cfg(unix)]
async fn signal() -> Duration {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Duration::ZERO,
        _ = terminate.recv() => NOTICE,
    }
}

#[cfg(not(unix))]
async fn signal() -> Duration {
    let _ = tokio::signal::ctrl_c().await;
    Duration::ZERO
}

const NOTICE: Duration = Duration::from_millis(500);
const GRACE: Duration = Duration::from_secs(20);
