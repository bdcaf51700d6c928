//! The errors of the client, as the contracts of stores and buses classify them.

use handstamp_core::record::RecordError;
use handstamp_redis_client::RedisError;
use handstamp_store::{BusError, StoreError};

pub(crate) fn store_error(error: RedisError) -> StoreError {
    match error {
        // Another program has put a value of another type under the key, such as a list: that is no record.
        RedisError::ErrorReply(reply) if reply.is_wrong_type() => StoreError::Record(RecordError::Malformed),
        // Nothing was done, and an immediate retry is of no use.
        RedisError::Busy | RedisError::CircuitOpen | RedisError::NotPrimary | RedisError::ErrorReply(_) => {
            StoreError::rejected(error)
        }
        RedisError::TimedOut => StoreError::TimedOut,
        _ => StoreError::unavailable(error),
    }
}

pub(crate) fn bus_error(error: RedisError) -> BusError {
    BusError::new(error)
}
