//! A response carries out the last commit of its request itself, and not in a task.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use handstamp::store::{Bytes, DynStore, Entry, Revision, SaveOutcome, StoreError, StoreWrapper};
use handstamp::{SessionLayer, Sessions};
use http::StatusCode;

use crate::support::{Browser, Cluster, Node, User, app, config};

/// A store of the application, whose saves panic.
struct Panicking(handstamp::store::MemoryStore);

impl StoreWrapper for Panicking {
    fn inner(&self) -> &dyn DynStore {
        &self.0
    }

    async fn save(
        &self,
        _record: &Entry,
        _replacing: Revision,
        _ttl: Duration,
        _invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        panic!("a store that panics")
    }
}

#[tokio::test]
async fn a_panic_of_the_store_is_an_error_response() {
    let cluster = Cluster::new();
    let store = Panicking(cluster.store.clone());
    let sessions = Sessions::start_with(config(), store, cluster.bus.clone()).await.unwrap();
    let app = app(&sessions).layer(SessionLayer::<User>::new(&sessions));
    let mut browser = Node { sessions, app, ..cluster.bare_node().await }.browser();
    browser.login("ada").await;
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.me().await, Ok("ada 0".to_owned()));
}

/// The service may be polled on a thread of another executor. The timers of a commit need the runtime of the node.
#[tokio::test]
async fn a_commit_needs_no_runtime_where_the_response_is_polled() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    let visited = thread::spawn(move || wait_for(visit(browser)));
    let mut browser = visited.join().expect("no panic");
    assert_eq!(browser.me().await, Ok("ada 1".to_owned()));
}

async fn visit(mut browser: Browser) -> Browser {
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    browser
}

/// Runs a future on this thread, without a runtime.
fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut cx, mut future) = (Context::from_waker(&waker), std::pin::pin!(future));
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
