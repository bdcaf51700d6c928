use axum::http::HeaderValue;

use crate::app::Error;
use crate::subject::{Instance, Placement, Started, Subject};

/// An application with a session, to be called without a network.
#[derive(Debug)]
pub struct Target {
    /// Which one.
    pub subject: Subject,
    /// Where its layer is applied.
    pub placement: Placement,
    /// The application.
    pub started: Started,
    /// The cookies of its session.
    pub cookie: HeaderValue,
}

impl Target {
    /// All applications, the bare router first, and then each layer around its router and inside.
    ///
    /// # Errors
    ///
    /// When one of them cannot be started.
    pub async fn all(redis_url: &str) -> Result<Vec<Self>, Error> {
        let mut targets = Vec::new();
        for subject in Subject::TOWER {
            for placement in [Placement::Around, Placement::Inside] {
                if !subject.has_sessions() && placement == Placement::Inside {
                    continue;
                }
                // In a namespace of its own, so that no node has to handle the invalidations of another one.
                let namespace = format!("{}-{placement:?}", subject.argument()).to_lowercase();
                let instance = Instance { placement, namespace, ..Instance::new(redis_url) };
                let mut started = subject.start(&instance).await?;
                let cookie = started.app.log_in().await?;
                targets.push(Self { subject, placement, started, cookie });
            }
        }
        Ok(targets)
    }
}
