use crate::driver::Request;
use crate::limit::Limit;

/// What is asked of a primary.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) request: Request,
    /// That of each attempt.
    pub(crate) limit: Limit,
    /// Whether it counts only once enough replicas have it, if that is wanted at all.
    pub(crate) durable: bool,
    /// The invalidation that it publishes, for when that has to be repeated elsewhere.
    pub(crate) invalidation: Option<Request>,
}

impl Task {
    /// A request and nothing else.
    pub(crate) const fn new(request: Request, limit: Limit) -> Self {
        Self { request, limit, durable: false, invalidation: None }
    }
}
