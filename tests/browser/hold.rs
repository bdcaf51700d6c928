use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_testkit::until;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// A point on the path of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Before a node has received the request.
    Request,
    /// Between the head and the body of the request: a handler that extracts the session first has loaded it, and waits for the body.
    Body,
    /// In a handler that has loaded the session: only in the [application for anonymous visitors](crate::visitors).
    Handler,
    /// Before the browser has received the response.
    Response,
}

/// The active holds. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holds(Arc<Mutex<Vec<Arc<Hold>>>>);

#[derive(Debug)]
struct Hold {
    place: Place,
    path: String,
    arrived: AtomicUsize,
    permits: Semaphore,
}

/// Holds requests at a place until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    hold: Arc<Hold>,
    holds: Holds,
}

impl Holds {
    /// Starts to hold requests for this path at this place.
    pub(crate) fn hold(&self, place: Place, path: &str) -> Held {
        let (arrived, permits) = (AtomicUsize::new(0), Semaphore::new(0));
        let hold = Arc::new(Hold { place, path: path.to_owned(), arrived, permits });
        self.0.lock().push(hold.clone());
        Held { hold, holds: self.clone() }
    }

    pub(crate) fn is_held(&self, place: Place, path: &str) -> bool {
        self.find(place, path).is_some()
    }

    /// Waits as long as the request is held.
    pub(crate) async fn pass(&self, place: Place, path: &str) {
        let Some(hold) = self.find(place, path) else { return };
        hold.arrived.fetch_add(1, Ordering::SeqCst);
        // An error means that the hold has ended.
        if let Ok(permit) = hold.permits.acquire().await {
            permit.forget();
        }
    }

    fn find(&self, place: Place, path: &str) -> Option<Arc<Hold>> {
        self.0.lock().iter().find(|hold| hold.place == place && hold.path == path).cloned()
    }
}

impl Held {
    /// Waits until `count` requests are held.
    pub(crate) async fn until_held(&self, count: usize) {
        let Hold { place, path, arrived, .. } = &*self.hold;
        until(&format!("{count} held: {place:?} {path}"), async || arrived.load(Ordering::SeqCst) >= count)
            .await;
    }

    /// Lets the first one pass.
    pub(crate) fn let_one_pass(&self) {
        self.hold.permits.add_permits(1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holds.0.lock().retain(|hold| !Arc::ptr_eq(hold, &self.hold));
        self.hold.permits.close();
    }
}
