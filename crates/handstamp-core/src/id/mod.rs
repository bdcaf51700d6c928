//! The three names of a session, and the namespace they live in.
//!
//! | Name | Who may know it |
//! |---|---|
//! | [`SessionId`] | the browser and this process: it *is* the credential |
//! | [`SessionKey`] | the store and the other nodes: a hash of the id, of no use as a cookie |
//! | [`PublicId`] | anybody: random, for logs, lists and administration |

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

/// The operating system could not give random bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError(#[from] getrandom::Error);

/// An array filled by one call to the operating system's generator.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
