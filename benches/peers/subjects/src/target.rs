use std::time::Duration;

use axum::http::HeaderValue;

use crate::app::Error;
use crate::subject::{Placement, Started, Subject};

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
    pub async fn all(redis_url: &str, cache_ttl: Duration) -> Result<Vec<Self>, Error> {
        let mut targets = Vec::new();
        for subject in Subject::TOWER {
            for placement in [Placement::Around, Placement::Inside] {
                if subject == Subject::Bare && placement == Placement::Inside {
                    continue;
                }
                let mut started = subject.start(placement, redis_url, cache_ttl).await?;
                let cookie = started.app.log_in().await?;
                targets.push(Self { subject, placement, started, cookie });
            }
        }
        Ok(targets)
    }
}
