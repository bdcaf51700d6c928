//! The session of a request.
//!
//! | File | Decides | Awaits |
//! |---|---|---|
//! | `api.rs` | the public methods of [`Session`] | |
//! | `extract.rs`, `missing_layer.rs` | which session an extractor gets | `load.rs`, `refresh.rs` |
//! | `request_session.rs` | how threads share the state of a request's session | |
//! | `loaded/` | what the state is after each event | |
//! | `progress.rs` | whether the response was sent | |
//! | `load.rs`, `absence.rs`, `ambiguous.rs` | where a session is loaded from, and in an outage, what counts as one | cache, store |
//! | `refresh.rs` | what becomes of changes when the session was changed elsewhere | store |
//! | `keep_alive.rs`, `life.rs` | when a session is touched | store |
//! | `update.rs`, `change.rs`, `replays.rs`, `change_lock.rs`, `guard.rs` | how a change is made, and made again | other changes of the request |
//! | `subject.rs` | whether changes are a login, or belong to another session | |
//! | `finish.rs`, `discard.rs` | what is committed, and when | `commit/`, one commit at a time |
//! | `commit/` | in which order the store's steps are taken, and which cookie is sent | `group_commit/`, `renewal/`, store |
//! | `group_commit/` | which saves are saved together | the leader of the queue, store |
//! | `renewal/` | how a session moves to a new id | an exclusive turn in the queue, store |
//! | `snapshot.rs`, `metadata.rs`, `encoded.rs`, `rewrite.rs` | how data becomes a record, and a record data | store, to rewrite a record |

mod absence;
mod ambiguous;
mod api;
mod change;
mod change_lock;
mod commit;
mod discard;
mod encoded;
mod extract;
mod finish;
mod group_commit;
mod guard;
mod keep_alive;
mod life;
mod load;
mod loaded;
mod metadata;
mod missing_layer;
mod progress;
mod refresh;
mod renewal;
mod replays;
mod request_session;
mod rewrite;
mod snapshot;
mod subject;
mod update;

pub use self::api::Session;
pub use self::discard::DiscardSession;
pub use self::extract::{Fresh, LogIn, Peek, SessionRejection};
pub(crate) use self::finish::{Finish, Outcome};
pub(crate) use self::group_commit::Queues;
pub(crate) use self::guard::guarded;
pub(crate) use self::keep_alive::{LastUse, Touch};
#[cfg(feature = "testing")]
pub(crate) use self::load::Use;
pub(crate) use self::replays::Replays;
pub(crate) use self::request_session::RequestSession;
pub(crate) use self::snapshot::{MAX_DECODED, Snapshot, Unreadable};
