//! The state of the model, and the steps that are not part of a request.

use crate::protocol::{Client, Outlives, Protocol, RepeatedAs, Start};
use crate::renewal::Renewing;
use crate::request::Request;
use crate::script::{Next, Outcome, Part, Reply, Script};
use crate::set::Set;
use crate::store::{Id, Record, Slot, Store};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct World {
    pub(crate) store: Store,
    /// The id in the visitor's cookie.
    pub(crate) jar: Option<Id>,
    pub(crate) attacker_has: Set,
    /// The ids that have been sent to the visitor's browser.
    pub(crate) sent_ids: Set,
    /// In the order in which they began.
    pub(crate) requests: Vec<Request>,
    /// Background work of nodes, sorted, because the order would only multiply the states.
    pub(crate) jobs: Vec<Job>,
    /// The deletes that nodes repeat after a failover, with the successors of sessions that have moved. Sorted.
    remembered: Vec<(Id, Option<Id>)>,
    /// Ids of renewed sessions whose old record is known to be replaced.
    pub(crate) known_replaced: Set,
    /// How many more replies may be lost.
    pub(crate) faults: u8,

    /// The login of the visitor whose response arrived last.
    pub(crate) last_login: LastLogin,
    pub(crate) login_was_rejected: bool,
    /// Whether a repeated delete has ended another session than its own.
    pub(crate) repeated_delete_strayed: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum LastLogin {
    None,
    /// Before the first step.
    Earlier,
    /// The index of the request, and the id of the session.
    Request(u8, Id),
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Job {
    pub(crate) purpose: Purpose,
    pub(crate) script: Script,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Purpose {
    /// It is unknown whether the old record is replaced.
    Settle { old: Id, new: Id },
    /// A delete was not confirmed, or may have been undone by a failover.
    Delete(Id),
    /// A logout was not confirmed. `followed`: whether it had already followed the tombstone of this id.
    LogOut { followed: bool },
}

impl World {
    pub(crate) fn new(start: Start, protocol: &Protocol) -> Self {
        let subject = (start == Start::LoggedIn).then_some(Client::Visitor);
        let record = Record { subject, private: subject.is_some(), predecessor: None, revision: 0 };
        let (mut first, mut attacker_has) = (Set::default(), Set::default());
        if start != Start::NoSession {
            first.insert(0);
        }
        if start == Start::Planted {
            attacker_has.insert(0);
        }
        let last_login = if start == Start::LoggedIn { LastLogin::Earlier } else { LastLogin::None };
        Self {
            store: Store::new((start != Start::NoSession).then_some(record), protocol.failover),
            jar: first.iter().next(),
            attacker_has,
            sent_ids: first,
            requests: Vec::new(),
            jobs: Vec::new(),
            remembered: Vec::new(),
            known_replaced: Set::default(),
            faults: protocol.faults,
            last_login,
            login_was_rejected: false,
            repeated_delete_strayed: false,
        }
    }

    pub(crate) fn in_flight(&self) -> Set {
        let mut in_flight = Set::default();
        for (n, request) in (0..).zip(&self.requests) {
            if request.is_in_flight() {
                in_flight.insert(n);
            }
        }
        in_flight
    }

    /// Whether 30 s may have passed since the tombstone was written, or since its life was shortened: see [`main`](crate).
    pub(crate) fn may_expire(&self, id: Id, protocol: &Protocol) -> bool {
        let Some(witnesses) = self.store.witnesses_of_brief(id) else { return false };
        let carries = |request: &Request| request.is_in_flight() && request.cookie == Some(id);
        let is_recent = witnesses.intersects(self.in_flight()) || self.requests.iter().any(carries);
        let settles = |job: &Job| matches!(job.purpose, Purpose::Settle { old, .. } if old == id);
        let is_kept =
            protocol.tombstone_outlives == Outlives::AnyReplacement && self.jobs.iter().any(settles);
        !is_recent && !is_kept
    }

    /// A pending delete of this id, or of an earlier one, will not learn from the tombstone any more that the session has moved or
    /// ended.
    pub(crate) fn expire(&mut self, id: Id) {
        let slot = self.store.load(id);
        for job in &self.jobs {
            let missed = match (job.purpose, job.script, slot) {
                (Purpose::Delete(from), Script::Erase { to: Some(to), .. }, _) if from == id => {
                    Some((id, to))
                }
                (Purpose::Delete(from), _, Slot::Moved(to, _)) => Some((from, to)),
                (Purpose::LogOut { followed: false }, script, Slot::Moved(to, _)) => {
                    script.ends().map(|from| (from, to))
                }
                _ => None,
            };
            if let Some((from, to)) = missed
                && self.store.history.descent(id, from).is_some()
            {
                self.store.history.exempt.insert(to);
            }
        }
        self.store.expire(id);
    }

    /// Takes the next step of a job. A delete without a reply is repeated, so the job stays.
    pub(crate) fn run_job(&mut self, j: usize, part: Part, reply: Reply, protocol: &Protocol) {
        let Job { mut purpose, script } = self.jobs[j];
        if reply != Reply::Received && !matches!(script, Script::Renew(_)) {
            self.store = self.store_after(script, part, protocol);
            return;
        }
        self.jobs.remove(j);
        let ended = self.store.history.ended;
        let next = self.perform(script, part, reply, protocol);
        if let Purpose::Delete(id) = purpose {
            let newly_ended = self.store.history.ended.without(ended);
            self.repeated_delete_strayed |= newly_ended.iter().any(|other| other != id);
        }
        if let (Script::Erase { .. }, Next::Run(Script::Erase { id, .. })) = (script, next) {
            purpose = Purpose::Delete(id);
        }
        match next {
            Next::Run(script) => self.add_job(Job { purpose, script }),
            Next::Unknown(renewing) => self.finish_in_background(renewing),
            Next::Done(_) | Next::Loaded(..) => {}
        }
    }

    /// Continues a renewal in the background.
    pub(crate) fn finish_in_background(&mut self, renewing: Renewing) {
        let purpose = Purpose::Settle { old: renewing.old, new: renewing.new_id() };
        self.add_job(Job { purpose, script: Script::Renew(renewing.retried()) });
    }

    pub(crate) fn give_up(&mut self, j: usize, protocol: &Protocol) {
        let Job { purpose, script } = self.jobs.remove(j);
        if let Script::Renew(renewing) = script
            && let Next::Run(script) = self.give_up_renewal(renewing, protocol)
        {
            self.add_job(Job { purpose, script });
        }
    }

    pub(crate) fn crash(&mut self, j: usize) {
        if let Purpose::Settle { new, .. } = self.jobs.remove(j).purpose {
            self.store.history.exempt.insert(new);
        }
    }

    pub(crate) fn fail_over(&mut self, lost: usize, protocol: &Protocol) {
        self.store.fail_over(lost);
        for (id, to) in std::mem::take(&mut self.remembered) {
            self.repeat_delete(id, to, protocol);
        }
    }

    /// Repeats a delete that a failover may have undone.
    pub(crate) fn repeat_delete(&mut self, id: Id, to: Option<Id>, protocol: &Protocol) {
        let erase = |to| Script::Erase { id, to, then: Outcome::Ended };
        let script = match (to, protocol.replacement_is_repeated) {
            (Some(_), RepeatedAs::Replacement) => erase(to),
            (None, _) if !protocol.confirmed_end_is_repeated_as_erase => Script::end(id),
            (None, _) | (Some(_), RepeatedAs::Erase) => erase(None),
            (Some(_), RepeatedAs::End) => Script::end(id),
        };
        self.add_job(Job { purpose: Purpose::Delete(id), script });
    }

    pub(crate) fn add_job(&mut self, job: Job) {
        if let Err(position) = self.jobs.binary_search(&job) {
            self.jobs.insert(position, job);
        }
    }

    /// Remembers a delete that a failover may undo.
    pub(crate) fn remember(&mut self, id: Id, to: Option<Id>) {
        if self.store.losable().is_some()
            && let Err(position) = self.remembered.binary_search(&(id, to))
        {
            self.remembered.insert(position, (id, to));
        }
    }
}

impl Job {
    pub(crate) fn erase(id: Id, to: Option<Id>) -> Self {
        let script = Script::Erase { id, to, then: Outcome::Ended };
        Self { purpose: Purpose::Delete(id), script }
    }

    pub(crate) fn end(id: Id, followed: bool) -> Self {
        Self { purpose: Purpose::LogOut { followed }, script: Script::end(id) }
    }
}
