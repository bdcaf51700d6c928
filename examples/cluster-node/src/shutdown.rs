use std::time::Duration;

use handstamp::Sessions;
use tokio::sync::watch;
use tokio::time::sleep;

/// Tells servers when to stop.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<Phase>);

#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Serving,
    /// Requests under way are finished.
    Finishing,
    /// Nobody wants to wait for them any more.
    AtOnce,
}

/// On SIGTERM the nodes declare themselves not ready at once, and stop accepting connections half a second later:
/// a load balancer has time to look elsewhere. On SIGINT, from a terminal, they stop accepting at once. Whoever asks
/// twice does not want to wait for requests under way either.
pub(crate) fn on_signal(runtimes: Vec<Sessions>) -> Stop {
    let (sender, receiver) = watch::channel(Phase::Serving);
    tokio::spawn(async move {
        let invalidation = signal().await;
        tracing::info!("shutting down");
        runtimes.iter().for_each(Sessions::drain);
        sleep(invalidation).await;
        sender.send_replace(Phase::Finishing);
        tokio::select! {
            _ = signal() => sender.send_replace(Phase::AtOnce),
            // The servers watch as long as they live.
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

    /// Runs `server` to its end, but not for long once it has been told to stop: a client that never finishes
    /// its request must not keep the process alive.
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

/// Waits for a signal, and says how long to go on accepting connections.
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
        _ = terminate.recv() => INVALIDATION,
    }
}

#[cfg(not(unix))]
async fn signal() -> Duration {
    let _ = tokio::signal::ctrl_c().await;
    Duration::ZERO
}

const INVALIDATION: Duration = Duration::from_millis(500);
const GRACE: Duration = Duration::from_secs(20);
