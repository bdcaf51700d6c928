use std::net::TcpListener;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::app::Error;
use crate::subject::{Placement, Subject};

impl Subject {
    /// Serves it with one worker, until the process ends. Layers are around the router.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or the listener cannot be used.
    pub fn serve(self, listener: TcpListener, redis_url: &str, cache_ttl: Duration) -> Result<(), Error> {
        match self {
            Self::ActixBare => actix_app::serve_bare(listener),
            Self::ActixRedis => actix_app::serve(listener, redis_url),
            _ => Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let started = self.start(Placement::Around, redis_url, cache_ttl).await?;
                Ok(started.app.serve(listener).await?)
            }),
        }
    }
}
