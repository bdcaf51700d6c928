//! The protocols that take several steps at the store, as state machines.
//!
//! A machine is a plain value: it says which step comes next, and is given the outcome of that step. It does no I/O, holds no data of the
//! application, and knows no time. The asynchronous code carries out the steps, and so do the models in `tests/`, which check the
//! machines in every state that they can reach.
//!
//! | Module | Protocol |
//! |---|---|
//! | [`group_commit`] | how the requests of a node that save the same session take turns |
//! | [`logout`] | how a session ends under all ids that it has had |
//! | [`renewal`] | how a session moves to a new id |

pub mod group_commit;
pub mod logout;
pub mod renewal;
