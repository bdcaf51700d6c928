use std::str::FromStr;
use std::time::Duration;

use crate::config::{InvalidDuration, parse_duration};

/// What a layer does about reads while the store cannot be reached. Writes fail in any case: they are answered with 503.
///
/// In `SESSION_OUTAGE` these are `serve`, for as long as `LOCAL_CACHE_TTL` says, `serve:20s`, `refuse` and
/// `anonymous`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// Sessions in the local cache can be read, for this long from when the node last knew that it had heard of every
    /// change. A session that was ended elsewhere meanwhile may be served for that long, too; one that somebody tried
    /// to end on this node is not. All others are refused.
    ServeStale(Duration),
    /// Requests for sessions are answered with 503 as soon as the node cannot prove that its cache is up to date.
    Fail,
    /// Visitors are treated as if they had no session. Their cookies stay as they are, and what they would store is
    /// refused with 503, so that they have their sessions again afterwards.
    Anonymous,
}

/// `SESSION_OUTAGE`, in which `serve` leaves it to another setting for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OutageSetting {
    ServeForCacheTtl,
    Is(OutagePolicy),
}

impl OutageSetting {
    pub(crate) fn resolve(self, cache_ttl: Duration) -> OutagePolicy {
        match self {
            Self::ServeForCacheTtl => OutagePolicy::ServeStale(cache_ttl),
            Self::Is(outage) => outage,
        }
    }
}

/// The text names no policy. `Display` completes a sentence that begins with the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidOutage {
    #[error("is not serve, serve:20s, refuse or anonymous")]
    Unknown,
    #[error("names a time that {0}")]
    Limit(#[from] InvalidDuration),
}

impl FromStr for OutageSetting {
    type Err = InvalidOutage;

    fn from_str(text: &str) -> Result<Self, InvalidOutage> {
        match text.split_once(':') {
            None if text == "serve" => Ok(Self::ServeForCacheTtl),
            None if text == "refuse" => Ok(Self::Is(OutagePolicy::Fail)),
            None if text == "anonymous" => Ok(Self::Is(OutagePolicy::Anonymous)),
            Some(("serve", limit)) => Ok(Self::Is(OutagePolicy::ServeStale(parse_duration(limit)?))),
            _ => Err(InvalidOutage::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_from_text() {
        let ttl = Duration::from_secs(30);
        let read = |text: &str| text.parse::<OutageSetting>().ok().map(|setting| setting.resolve(ttl));
        assert_eq!(read("serve"), Some(OutagePolicy::ServeStale(ttl)));
        assert_eq!(read("serve:5m"), Some(OutagePolicy::ServeStale(Duration::from_secs(300))));
        assert_eq!(read("refuse"), Some(OutagePolicy::Fail));
        assert_eq!(read("anonymous"), Some(OutagePolicy::Anonymous));
        for text in ["", "Serve", "serve:", "serve:soon", "refuse:1s", "open"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    /// K5.5: `serve:30M` served for two and a half years.
    #[test]
    fn k5_a_limit_in_months_is_refused() {
        let refused = "serve:30M".parse::<OutageSetting>();
        assert_eq!(refused, Err(InvalidOutage::Limit(InvalidDuration::CapitalM)));
    }
}
