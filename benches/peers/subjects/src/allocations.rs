use serde::{Deserialize, Serialize};

use crate::subject::Placement;

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
