use std::borrow::Cow;

use fred::error::{Error, ErrorKind};
use tokio::task::JoinError;

use crate::driver::io_errors;
use crate::{ErrorReply, RedisError};

/// The meaning of an error of fred.
pub(super) fn cause(error: &Error) -> RedisError {
    match error.kind() {
        ErrorKind::Auth if error.details().starts_with("NOAUTH") => RedisError::PasswordNeeded,
        ErrorKind::Auth => RedisError::Authentication,
        ErrorKind::IO => io_errors::meaning(error.details()),
        ErrorKind::Tls => io_errors::invalid_host_name(),
        ErrorKind::Timeout => RedisError::unresponsive(),
        ErrorKind::Parse | ErrorKind::Protocol => RedisError::UnexpectedReply,
        // Error replies come as one of several kinds, with their text unchanged.
        _ if ErrorReply::looks_like(error.details()) => {
            RedisError::ErrorReply(ErrorReply::parse(error.details()))
        }
        _ => RedisError::Connection(Cow::Borrowed("it was lost")),
    }
}

/// Why the task that drives a connection has ended.
pub(super) fn end(ended: Result<Result<(), Error>, JoinError>) -> RedisError {
    match ended {
        Ok(Ok(())) => RedisError::Closed,
        Ok(Err(error)) => cause(&error),
        Err(_) => RedisError::unresponsive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_password_is_distinguished_from_a_wrong_one() {
        for (reply, expected) in [
            ("NOAUTH Authentication required.", RedisError::PasswordNeeded),
            ("NOAUTH HELLO must be called with the client already authenticated", RedisError::PasswordNeeded),
            ("WRONGPASS invalid username-password pair or user is disabled.", RedisError::Authentication),
        ] {
            assert_eq!(cause(&Error::new(ErrorKind::Auth, reply)), expected, "{reply}");
        }
    }

    #[test]
    fn error_replies_are_distinguished_from_errors_of_fred() {
        let full = Error::new(ErrorKind::Unknown, "ERR max number of clients reached");
        assert!(matches!(cause(&full), RedisError::ErrorReply(_)));
        let own = Error::new(ErrorKind::Unknown, "Failed to route command.");
        assert!(matches!(cause(&own), RedisError::Connection(_)));
    }
}
