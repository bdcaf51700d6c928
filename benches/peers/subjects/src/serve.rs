use std::net::TcpListener;

use tokio::runtime::Builder;

use crate::app::Error;
use crate::subject::{Instance, Subject};

impl Subject {
    /// Serves it with one worker, until the process ends.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or the listener cannot be used.
    pub fn serve(self, listener: TcpListener, instance: &Instance) -> Result<(), Error> {
        match self {
            Self::ActixBare => actix_app::serve_bare(listener),
            Self::ActixRedis => actix_app::serve(listener, &instance.redis_url),
            _ => Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let started = self.start(instance).await?;
                Ok(started.app.serve(listener).await?)
            }),
        }
    }
}
