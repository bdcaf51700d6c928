//! K1 and K2 in a real Chromium, with real nodes on a real Redis: late requests and responses neither undo a login nor a logout.
//!
//! A gate between the browser and the nodes holds requests and responses, so that the test determines the order in which they arrive.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod anonymous_write;
mod chromedriver;
mod chromium;
mod double_login;
mod gate;
mod hold;
mod logout;
mod nodes;
mod slow_request;
mod tab;
mod visitors;
mod webdriver;
