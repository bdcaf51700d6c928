//! All measured applications, and the requests that they get.

mod allocations;
mod app;
mod handling;
mod requests;
mod serve;
mod subject;
mod target;

pub use self::allocations::{Allocations, Counted};
pub use self::app::{App, Error};
pub use self::handling::{Handling, Message};
pub use self::requests::{CASES, Case, Cookie, HEADERS, UNUSED_COOKIE, forged, request};
pub use self::subject::{Instance, Placement, Started, Subject, around};
pub use self::target::Target;
pub use bare::USER_NAME;
