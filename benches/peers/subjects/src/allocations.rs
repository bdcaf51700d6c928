use serde::{Deserialize, Serialize};

use crate::subject::Placement;

/// What was counted.
#[derive(Debug, Deserialize, Serialize)]
pub struct Counted {
    /// Those of requests.
    pub requests: Vec<Allocations>,
    /// Those of each message that a node handles, by the label of its kind.
    pub messages: Vec<(String, f64)>,
}

/// The allocations of a request.
#[derive(Debug, Deserialize, Serialize)]
pub struct Allocations {
    /// The name of the case.
    pub case: String,
    /// The label of the application.
    pub subject: String,
    /// Where its layer is applied.
    pub placement: Placement,
    /// The number of allocations.
    pub count: f64,
    /// Their size in bytes.
    pub bytes: f64,
}
