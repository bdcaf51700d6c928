use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A call that the inner store has completed, and that has not returned yet.
#[derive(Debug)]
pub struct HeldCall {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

/// Where the next call is held, if that is commanded.
#[derive(Debug, Default)]
pub(super) struct Hold(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

impl HeldCall {
    pub(super) fn at(hold: &Hold) -> Self {
        let (reached_sender, reached) = oneshot::channel();
        let (release, release_receiver) = oneshot::channel();
        *hold.0.lock() = Some((reached_sender, release_receiver));
        Self { reached, release }
    }

    /// Waits until the inner store has completed the call.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.expect("the call to hold was dropped");
    }

    /// Lets the call return.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

impl Hold {
    pub(super) async fn until_released(&self) {
        let held = self.0.lock().take();
        if let Some((reached, release)) = held {
            let _ = reached.send(());
            let _ = release.await;
        }
    }
}
