use std::borrow::Cow;

use fred::error::{Error, ErrorKind};
use tokio::task::JoinError;

use super::tls_errors;
use crate::{ErrorReply, RedisError};

/// The meaning of an error of fred.
pub(super) fn cause(error: &Error) -> RedisError {
    match error.kind() {
        ErrorKind::Auth if error.details().starts_with("NOAUTH") => RedisError::PasswordNeeded,
        ErrorKind::Auth => RedisError::Authentication,
        ErrorKind::IO => RedisError::Connection(io(error.details())),
        ErrorKind::Tls => {
            RedisError::Connection(Cow::Borrowed("no certificate can be for a host of this name"))
        }
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

fn io(details: &str) -> Cow<'static, str> {
    tls_errors::meaning(details).map_or_else(|| Cow::Owned(plain(details)), Cow::Borrowed)
}

/// The message in the `Debug` text of an `io::Error`, which quotes nothing that was sent.
fn plain(details: &str) -> String {
    details.split('"').nth(1).unwrap_or(details).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_read_well() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = Error::from(refused);
        assert_eq!(cause(&error).to_string(), "no connection to the server: Connection refused");
        let closed = Error::new(ErrorKind::IO, "Connection closed.");
        assert_eq!(cause(&closed).to_string(), "no connection to the server: Connection closed.");
    }

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
