use std::fmt;
use std::str::FromStr;

/// The library that speaks to the servers, as `fred` or `redis-rs`.
///
/// Both keep the same promises, and neither is part of the API.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Driver {
    /// [fred](https://docs.rs/fred).
    #[default]
    Fred,
    /// [redis-rs](https://docs.rs/redis), with the feature `redis-rs`.
    #[cfg(feature = "redis-rs")]
    RedisRs,
}

impl FromStr for Driver {
    type Err = InvalidDriver;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fred" => Ok(Self::Fred),
            #[cfg(feature = "redis-rs")]
            "redis-rs" => Ok(Self::RedisRs),
            #[cfg(not(feature = "redis-rs"))]
            "redis-rs" => Err(InvalidDriver::FeatureDisabled),
            _ => Err(InvalidDriver::Unknown),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fred => "fred",
            #[cfg(feature = "redis-rs")]
            Self::RedisRs => "redis-rs",
        })
    }
}

/// The text names no driver of this build.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDriver {
    /// It names redis-rs, and this program was built without the feature `redis-rs`.
    #[error("this program was built without redis-rs: use fred, or build it with the feature redis-rs")]
    FeatureDisabled,
    /// It is neither `fred` nor `redis-rs`.
    #[error("the driver is fred or redis-rs")]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_have_names() {
        assert_eq!("fred".parse(), Ok(Driver::Fred));
        assert_eq!("rustis".parse::<Driver>(), Err(InvalidDriver::Unknown));
        assert_eq!(Driver::default().to_string(), "fred");
        #[cfg(feature = "redis-rs")]
        assert_eq!("redis-rs".parse(), Ok(Driver::RedisRs));
        #[cfg(feature = "redis-rs")]
        assert_eq!(Driver::RedisRs.to_string(), "redis-rs");
        #[cfg(not(feature = "redis-rs"))]
        assert_eq!("redis-rs".parse::<Driver>(), Err(InvalidDriver::FeatureDisabled));
    }
}
