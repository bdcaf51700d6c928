use std::str::FromStr;
use std::time::Duration;

use crate::config::{InvalidDuration, parse_duration};

/// The response to reads while the store cannot be reached. Writes fail with 503 under every policy.
///
/// In `SESSION_OUTAGE` the policies are `serve-stale`, for `LOCAL_CACHE_TTL`, `serve-stale:20s`, `fail` and `anonymous`. The former texts
/// `serve`, `serve:20s` and `refuse` are accepted, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// Sessions in the local cache are served, for this long after the node last knew that its cache was up to date. A session that has ended
    /// on another node in the meantime may be served for as long, too; one whose logout was attempted on this node is not. Requests for all
    /// other sessions get 503.
    ServeStale(Duration),
    /// Requests for sessions get 503 as soon as the node cannot prove that its cache is up to date.
    Fail,
    /// Visitors are treated as if they had no session. Their cookies stay as they are, and changes get 503, so that they have their sessions
    /// again after the outage.
    Anonymous,
}

/// The value of `SESSION_OUTAGE`, in which `serve-stale` leaves the time to another setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OutageSetting {
    ServeStaleForCacheTtl,
    Is(OutagePolicy),
}

impl OutageSetting {
    pub(crate) fn resolve(self, cache_ttl: Duration) -> OutagePolicy {
        match self {
            Self::ServeStaleForCacheTtl => OutagePolicy::ServeStale(cache_ttl),
            Self::Is(outage) => outage,
        }
    }
}

/// The text is no policy. `Display` completes a sentence that begins with the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidOutage {
    #[error("is not serve-stale, serve-stale:20s, fail or anonymous")]
    Unknown,
    #[error("has a time that {0}")]
    Limit(#[from] InvalidDuration),
}

impl FromStr for OutageSetting {
    type Err = InvalidOutage;

    fn from_str(text: &str) -> Result<Self, InvalidOutage> {
        let (name, limit) = text.split_once(':').map_or((text, None), |(name, limit)| (name, Some(limit)));
        match (name, limit) {
            ("serve-stale" | "serve", None) => Ok(Self::ServeStaleForCacheTtl),
            ("serve-stale" | "serve", Some(limit)) => {
                Ok(Self::Is(OutagePolicy::ServeStale(parse_duration(limit)?)))
            }
            ("fail" | "refuse", None) => Ok(Self::Is(OutagePolicy::Fail)),
            ("anonymous", None) => Ok(Self::Is(OutagePolicy::Anonymous)),
            _ => Err(InvalidOutage::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_parsed() {
        let ttl = Duration::from_secs(30);
        let read = |text: &str| text.parse::<OutageSetting>().ok().map(|setting| setting.resolve(ttl));
        let five_minutes = OutagePolicy::ServeStale(Duration::from_secs(300));
        assert_eq!(read("serve-stale"), Some(OutagePolicy::ServeStale(ttl)));
        assert_eq!(read("serve-stale:5m"), Some(five_minutes));
        assert_eq!(read("fail"), Some(OutagePolicy::Fail));
        assert_eq!(read("anonymous"), Some(OutagePolicy::Anonymous));
        // The former texts.
        assert_eq!(read("serve"), Some(OutagePolicy::ServeStale(ttl)));
        assert_eq!(read("serve:5m"), Some(five_minutes));
        assert_eq!(read("refuse"), Some(OutagePolicy::Fail));
        for text in ["", "Serve-Stale", "serve-stale:", "serve:soon", "fail:1s", "anonymous:1s", "open"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    /// K5.5: `serve:30M` was accepted, and served for two and a half years.
    #[test]
    fn k5_a_limit_in_months_is_rejected() {
        let rejected = "serve-stale:30M".parse::<OutageSetting>();
        assert_eq!(rejected, Err(InvalidOutage::Limit(InvalidDuration::CapitalM)));
    }
}
