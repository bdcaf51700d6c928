mod api;
mod change;
mod change_lock;
mod commit;
mod discard;
mod encoded;
mod extract;
mod find;
mod finish;
mod group_commit;
mod guard;
mod life;
mod missing_layer;
mod open;
mod progress;
mod renewal;
mod request_session;
mod rewrite;

mod snapshot;
mod subject;
mod uses;

pub use self::api::Session;
pub use self::discard::DiscardSession;
pub use self::extract::{Fresh, LogIn, Peek, SessionRejection};
#[cfg(feature = "testing")]
pub(crate) use self::find::Use;
pub(crate) use self::finish::{Finish, Outcome};
pub(crate) use self::group_commit::Queues;
pub(crate) use self::request_session::RequestSession;
pub(crate) use self::snapshot::{MAX_DECODED, Snapshot, Unreadable};
pub(crate) use self::uses::{LastUse, Touch};
