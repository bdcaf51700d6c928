use redis::{ErrorKind, ServerError};

use super::stream::Cause;
use super::{Sender, convert};
use crate::driver::{Protocol, Target};
use crate::{Command, ErrorReply, RedisError};

/// Sends the rest of the handshake.
pub(super) async fn finish(sender: &Sender, target: &Target, protocol: Protocol) -> Result<(), RedisError> {
    if let (Protocol::Resp2, Some(login)) = (protocol, &target.login) {
        let user = login.user.iter().map(String::as_str);
        let words = user.chain([login.password.as_str()]);
        let auth = words.fold(Command::probe("AUTH"), |auth, word| auth.arg(word.to_owned()));
        sender.call(&auth).await.map_err(rejection)?;
    }
    // Zero is where every connection begins, and `SELECT` may not be permitted.
    if target.database > 0 {
        let select = Command::probe("SELECT").arg(target.database.to_string());
        sender.call(&select).await.map_err(rejection)?;
    }
    Ok(())
}

/// Why redis-rs has failed to make a connection.
pub(super) fn failure(error: redis::RedisError, cause: &Cause) -> RedisError {
    if error.kind() == ErrorKind::RESP3NotSupported {
        return RedisError::ErrorReply(ErrorReply::parse("ERR unknown command 'HELLO'"));
    }
    match ServerError::try_from(error) {
        Ok(reply) => rejection(RedisError::ErrorReply(convert::error_reply(&reply))),
        Err(_) => cause.get(),
    }
}

/// The meaning of an error in a handshake.
fn rejection(error: RedisError) -> RedisError {
    match error.error_reply().map(ErrorReply::code) {
        Some("NOAUTH") => RedisError::PasswordNeeded,
        Some("WRONGPASS") => RedisError::Authentication,
        _ => error,
    }
}
