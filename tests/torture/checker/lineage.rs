use std::iter::successors;

use crate::history::{Call, CookieNumber};

/// The predecessor of each cookie: a renewal is requested with one cookie, and its response sets another.
#[derive(Debug)]
pub(super) struct Lineage {
    /// By cookie.
    origins: Vec<Option<Origin>>,
}

/// The origin of a cookie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The index of the call that set it.
    pub(super) call: usize,
    /// The cookie of that request, if the call may have moved a session; a write without a login does not.
    pub(super) parent: Option<CookieNumber>,
}

impl Lineage {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut origins = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            if let Some(number) = call.given() {
                origins.resize(origins.len().max(number + 1), None);
                origins[number] =
                    Some(Origin { call: place, parent: call.cookie.filter(|_| call.operation.is_login()) });
            }
        }
        Self { origins }
    }

    /// All cookies with their origins, in the order in which they were set.
    pub(super) fn cookies(&self) -> impl Iterator<Item = (CookieNumber, Origin)> {
        self.origins.iter().enumerate().filter_map(|(number, origin)| Some((number, (*origin)?)))
    }

    pub(super) fn origin(&self, number: CookieNumber) -> Option<Origin> {
        self.origins.get(number).copied().flatten()
    }

    pub(super) fn parent(&self, number: CookieNumber) -> Option<CookieNumber> {
        self.origin(number)?.parent
    }

    /// The cookie, its predecessor, and so on.
    pub(super) fn path(&self, number: CookieNumber) -> impl Iterator<Item = CookieNumber> {
        successors(Some(number), |number| self.parent(*number))
    }

    /// The predecessors of a cookie, from the last to the first, each with the renewal that replaced it.
    pub(super) fn ancestors(&self, number: CookieNumber) -> impl Iterator<Item = (CookieNumber, usize)> {
        self.path(number).filter_map(|number| {
            let origin = self.origin(number)?;
            Some((origin.parent?, origin.call))
        })
    }
}
