use std::iter::successors;

use crate::history::{Call, Label};

/// Which cookie was given for which: a renewal is asked for with one, and answered with another.
#[derive(Debug)]
pub(super) struct Lineage {
    /// By cookie.
    origins: Vec<Option<Origin>>,
}

/// Where a cookie comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The call that gave it, by its place in the history.
    pub(super) call: usize,
    /// The cookie that this call was made with, if the session may have been moved from there: a write without a login moves none.
    pub(super) parent: Option<Label>,
}

impl Lineage {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut origins = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            if let Some(label) = call.given() {
                origins.resize(origins.len().max(label + 1), None);
                origins[label] =
                    Some(Origin { call: place, parent: call.cookie.filter(|_| call.operation.is_login()) });
            }
        }
        Self { origins }
    }

    /// All cookies with their origins, in the order in which they were given.
    pub(super) fn cookies(&self) -> impl Iterator<Item = (Label, Origin)> {
        self.origins.iter().enumerate().filter_map(|(label, origin)| Some((label, (*origin)?)))
    }

    pub(super) fn origin(&self, label: Label) -> Option<Origin> {
        self.origins.get(label).copied().flatten()
    }

    pub(super) fn parent(&self, label: Label) -> Option<Label> {
        self.origin(label)?.parent
    }

    /// The cookie, the one that it was given for, and so on.
    pub(super) fn path(&self, label: Label) -> impl Iterator<Item = Label> {
        successors(Some(label), |label| self.parent(*label))
    }

    /// The cookies before this one, from the last to the first, each with the renewal that was made with it.
    pub(super) fn ancestors(&self, label: Label) -> impl Iterator<Item = (Label, usize)> {
        self.path(label).filter_map(|label| {
            let origin = self.origin(label)?;
            Some((origin.parent?, origin.call))
        })
    }
}
