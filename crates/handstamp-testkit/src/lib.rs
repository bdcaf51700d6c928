//! Real servers, real faults and a clock to set, for handstamp's tests.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this is for tests only"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in a test is a panic"
)]

mod clock;
mod deaf_bus;
mod eventually;
mod faulty_store;

pub use self::clock::ManualClock;
pub use self::deaf_bus::{DeafBus, DeafSubscription, Ears};
pub use self::eventually::eventually;
pub use self::faulty_store::{Faults, FaultyStore, HeldLoad};
