//! The settings `REDIS_*`. Those of the client are read and checked by `handstamp_redis::RedisSettings`.

#[cfg(not(feature = "redis"))]
mod absent;
mod misnamed;
#[cfg(feature = "redis")]
mod present;
#[cfg(feature = "redis")]
mod setters;
#[cfg(all(test, feature = "redis"))]
mod tests;

#[cfg(not(feature = "redis"))]
pub(super) use self::absent::RedisSettings;
pub(super) use self::misnamed::MISNAMED;
#[cfg(feature = "redis")]
pub(super) use self::present::RedisSettings;

/// The highest number of a node in `REDIS_NODE_1_HOST` and the like. A test compares it with that of the client.
pub(super) const MAX_NODES: u32 = 99;
