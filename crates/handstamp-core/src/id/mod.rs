//! The three ids of a session, and the namespace that they belong to.
//!
//! | Id | Visible to |
//! |---|---|
//! | [`SessionId`] | the browser and this process: it *is* the credential |
//! | [`SessionKey`] | the store and the other nodes: a hash of the id, useless as a cookie |
//! | [`PublicId`] | everyone: random, for logs, lists and administration |

mod label;
mod namespace;
mod public_id;
mod session_id;
mod session_key;

pub use self::label::{Label, Labels};
pub(crate) use self::namespace::length_of;
pub use self::namespace::{InvalidNamespace, Namespace};
pub use self::public_id::{ParsePublicIdError, PublicId};
pub use self::session_id::SessionId;
pub use self::session_key::{ParseSessionKeyError, SessionKey};

/// The random number generator of the operating system failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError(#[source] getrandom::Error);

/// Random bytes, from one call to the generator of the operating system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// [`random_bytes`], in place: for secrets, of which there must be no second copy.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError)
}
