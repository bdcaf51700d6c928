use handstamp_core::plan::Intent;

use super::super::change::Change;
use super::super::subject::Subjects;
use super::Origin;
use crate::SessionData;

/// What a request has done to its session and not committed.
pub(super) struct Pending<T> {
    pub(super) basis: Basis,
    pub(super) renew: Renew,
    pub(super) changes: Vec<Change<T>>,
    /// The subjects of the data from change to change, if there are changes.
    pub(super) subjects: Option<Subjects>,
}

/// What the changes are made on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Basis {
    /// The data of the origin.
    Origin,
    /// The default value: the session of another subject replaces the origin.
    OtherSubject,
    /// The default value: the origin is to end, loaded or not.
    Destroyed,
}

/// Whether the session is to get a new id.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::session) enum Renew {
    No,
    Id,
    /// And its absolute lifetime restarts.
    IdAndLifetime,
}

impl<T: SessionData> Pending<T> {
    pub(super) fn intent(&self, origin: &Origin<T>) -> Intent {
        let change = !self.changes.is_empty();
        let gets_subject = change && self.gets_subject();
        match self.basis {
            Basis::Destroyed if change => Intent::Replace,
            Basis::Destroyed => Intent::Destroy,
            Basis::OtherSubject if change && (gets_subject || origin.session().is_some()) => Intent::Switch,
            // That record can only be replaced.
            _ if gets_subject && matches!(origin, Origin::Unusable(_)) => Intent::Switch,
            _ if gets_subject => Intent::LogIn,
            _ if self.renew != Renew::No => Intent::Renew { change },
            _ if change => Intent::Change,
            _ => Intent::Keep,
        }
    }
}

impl<T> Pending<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.basis != Basis::Destroyed && !self.has_changes_or_renewal()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    pub(super) fn has_changes_or_renewal(&self) -> bool {
        self.renew != Renew::No || self.has_changes()
    }

    pub(super) fn begins_anew(&self) -> bool {
        self.basis != Basis::Origin
    }

    pub(super) fn logs_in(&self) -> bool {
        self.renew == Renew::IdAndLifetime || self.gets_subject()
    }

    pub(super) fn switch_subject(&mut self) {
        if self.basis == Basis::Origin {
            self.basis = Basis::OtherSubject;
        }
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change<T>> {
        self.subjects = None;
        if self.basis == Basis::OtherSubject {
            self.basis = Basis::Origin;
        }
        std::mem::take(&mut self.changes)
    }

    fn gets_subject(&self) -> bool {
        self.subjects.as_ref().is_some_and(Subjects::log_in)
    }
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { basis: Basis::Origin, renew: Renew::No, changes: Vec::new(), subjects: None }
    }
}
