//! What has happened to each session. No node knows this; only the properties use it.

use std::iter;

use crate::set::Set;
use crate::store::Id;

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct History {
    /// The id that each session was renewed from.
    origins: Vec<Option<Id>>,
    /// Sessions that were deleted.
    pub(crate) ended: Set,
    /// Successors that no tombstone under the id before leads to.
    pub(crate) unlinked: Set,
    /// Sessions that a logout under an earlier id may miss permanently: see [`properties`](crate::properties).
    pub(crate) exempt: Set,
    /// Sessions whose creation a failover has undone.
    pub(crate) lost: Set,
    /// Sessions whose tombstone a failover has undone.
    pub(crate) revived: Set,
    /// Successors named by the tombstones that a failover has undone.
    undone: Set,
}

impl History {
    /// One session that was not renewed, or none.
    pub(crate) fn new(sessions: usize) -> Self {
        Self { origins: vec![None; sessions], ..Self::default() }
    }

    pub(crate) fn created(&mut self, id: Id, origin: Option<Id>) {
        self.origins.push(origin);
        if origin.is_some() {
            self.unlinked.insert(id);
        }
    }

    pub(crate) fn moved(&mut self, id: Id, to: Id) {
        self.unlinked.remove(to);
        // The record was renewed again before the repeated delete arrived.
        if self.revived.contains(id) && !self.undone.contains(to) {
            self.exempt.insert(to);
        }
        self.revived.remove(id);
    }

    pub(crate) fn ended(&mut self, id: Id) {
        self.ended.insert(id);
        self.revived.remove(id);
    }

    /// A failover has put the record of `id`, which had moved to `successor` or ended, in the place of its tombstone.
    pub(crate) fn revived(&mut self, id: Id, successor: Option<Id>) {
        self.revived.insert(id);
        self.ended.remove(id);
        if let Some(successor) = successor {
            self.unlinked.insert(successor);
            self.undone.insert(successor);
        }
    }

    pub(crate) fn is_renewed(&self, id: Id) -> bool {
        self.origins[usize::from(id)].is_some()
    }

    /// The ids from `id` back to `ancestor`, without `ancestor`; `None` if the session never had that id.
    pub(crate) fn descent(&self, id: Id, ancestor: Id) -> Option<Set> {
        let lineage = self.lineage(id);
        lineage.contains(ancestor).then(|| lineage.without(self.lineage(ancestor)))
    }

    /// Whether one of the two ids is the other, or was renewed from it.
    pub(crate) fn are_related(&self, one: Id, other: Id) -> bool {
        self.lineage(one).contains(other) || self.lineage(other).contains(one)
    }

    /// Whether a logout under one of the two ids may miss the other permanently.
    pub(crate) fn are_separate(&self, one: Id, other: Id) -> bool {
        let (one, other) = (self.lineage(one), self.lineage(other));
        one.without(other).intersects(self.exempt) || other.without(one).intersects(self.exempt)
    }

    /// The id and all earlier ids of its session.
    fn lineage(&self, id: Id) -> Set {
        let mut lineage = Set::default();
        for id in iter::successors(Some(id), |&id| self.origins[usize::from(id)]) {
            lineage.insert(id);
        }
        lineage
    }
}
