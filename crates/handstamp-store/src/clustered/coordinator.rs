use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::sleep;

use super::listener::Listener;
use super::node::Node;
use super::status::Status;
use crate::{Bus, Shard};

/// The task that runs a listener for each shard of the store. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Coordinator {
    task: JoinHandle<()>,
    status: watch::Receiver<Status>,
}

impl Coordinator {
    pub(super) fn start<B: Bus>(node: Arc<Node>, bus: Arc<B>) -> Self {
        let (status, receiver) = watch::channel(Status::default());
        let listeners = Listeners { node, bus, status: Arc::new(status), tasks: JoinSet::new() };
        Self { task: tokio::spawn(listeners.run()), status: receiver }
    }

    /// The status now. After the end of the task, it has no subscriptions.
    pub(super) fn status<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.status.borrow())
    }

    /// Waits until all shards have been checked, and have a subscription.
    pub(super) async fn until_settled(&self) {
        // An error means that the task has ended.
        let _ = self.status.clone().wait_for(Status::is_settled).await;
    }

    /// Ends the task, and waits until it has ended.
    pub(super) async fn stop(&self) {
        self.task.abort();
        // The last of its tasks drops the sender.
        let _ = self.status.clone().wait_for(|_| false).await;
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One listener for each shard.
struct Listeners<B> {
    node: Arc<Node>,
    bus: Arc<B>,
    status: Arc<watch::Sender<Status>>,
    tasks: JoinSet<()>,
}

impl<B: Bus> Listeners<B> {
    async fn run(mut self) {
        let mut shards = self.node.store.shards();
        let mut listeners: BTreeMap<Shard, AbortHandle> = BTreeMap::new();
        loop {
            let current = shards.current();
            for (shard, listener) in listeners.iter().filter(|(shard, _)| !current.contains(shard)) {
                listener.abort();
                self.node.repeat_recent_deletes(&self.node.shard(*shard));
            }
            self.node.shards.retain(&current);
            self.node.caches.retain_shards(&current);
            // A shard gets no other listener until the first one has ended.
            listeners.retain(|_, listener| !listener.is_finished());
            for shard in current {
                listeners.entry(shard).or_insert_with(|| self.start_listener(shard));
            }
            tokio::select! {
                () = shards.changed() => {}
                Some(ended) = self.tasks.join_next() => {
                    // It might panic again at once.
                    if ended.is_err_and(|error| error.is_panic()) {
                        tracing::error!("a listener on the invalidation bus panicked");
                        sleep(PAUSE_AFTER_PANIC).await;
                    }
                }
            }
        }
    }

    fn start_listener(&mut self, shard: Shard) -> AbortHandle {
        let listener = Listener::new(self.node.clone(), self.bus.clone(), shard, self.status.clone());
        self.tasks.spawn(listener.run())
    }
}

const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);
