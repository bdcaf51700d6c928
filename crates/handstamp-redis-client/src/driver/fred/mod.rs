//! The driver on [fred](https://docs.rs/fred).
//!
//! | File | What it does |
//! |---|---|
//! | `sender` | commands |
//! | `messages` | subscriptions |
//! | `options` | where and how to connect |
//! | `convert` | commands to fred, and replies from it |
//! | `failure` | errors of fred |

mod convert;
mod failure;
mod messages;
mod options;
mod sender;

pub(super) use self::messages::Messages;
pub(super) use self::sender::{Sender, connect};
