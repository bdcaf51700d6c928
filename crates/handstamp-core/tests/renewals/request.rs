//! Requests: the plan for the session that is found, and the response.

use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{self, Facts, SessionState, StoreStep, plan};

use crate::protocol::{Client, LoginOnMoved, Protocol};
use crate::renewal::Renewing;
use crate::script::{Failure, Next, Outcome, Part, Reply, Script};
use crate::set::Set;
use crate::store::{Id, Record, Slot};
use crate::world::{Job, LastLogin, World};

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Request {
    pub(crate) client: Client,
    pub(crate) intent: Intent,
    /// The id in its cookie.
    pub(crate) cookie: Option<Id>,
    /// Whether there was neither a session nor a tombstone under that id when the request began.
    pub(crate) had_nothing: bool,
    /// The requests that were in flight at the same time.
    pub(crate) overlaps: Set,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Intent {
    Read,
    /// Changes the data, but not the subject.
    Change,
    Login,
    /// Changes the data, and renews the id.
    Renew,
    Logout,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Stage {
    Running(Script),
    /// The response is on its way.
    Responded(Response),
    Done(Response),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) cookie: SetCookie,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Status {
    Ok,
    /// 401
    Ended,
    /// 409
    Moved,
    /// 503
    Unavailable,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum SetCookie {
    None,
    Id(Id),
    Removal,
}

impl Request {
    fn new(client: Client, intent: Intent, cookie: Option<Id>, had_nothing: bool, overlaps: Set) -> Self {
        let script = match (intent, cookie) {
            // A logout does not load the session.
            (Intent::Logout, Some(id)) => Script::end(id),
            (_, Some(id)) => Script::Load(id),
            (_, None) => Script::Create(record(client, intent, None, None)),
        };
        Self { client, intent, cookie, had_nothing, overlaps, stage: Stage::Running(script) }
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        !matches!(self.stage, Stage::Done(_))
    }

    pub(crate) fn response(&self) -> Option<Response> {
        match self.stage {
            Stage::Running(_) => None,
            Stage::Responded(response) | Stage::Done(response) => Some(response),
        }
    }

    /// The id in the cookie of its response.
    pub(crate) fn issued(&self) -> Option<Id> {
        match self.response()?.cookie {
            SetCookie::Id(id) => Some(id),
            SetCookie::None | SetCookie::Removal => None,
        }
    }

    /// What is known when the handler has responded.
    fn facts(&self, slot: Slot, protocol: &Protocol) -> Facts {
        let session = match slot {
            Slot::Record(_) => SessionState::Live,
            Slot::Moved(..) if protocol.late_changes_are_rejected => SessionState::Moved,
            Slot::Ended(_) if protocol.late_changes_are_rejected => SessionState::Ended,
            Slot::Moved(..) | Slot::Ended(_) | Slot::Empty => SessionState::Absent,
        };
        let intent = match self.intent {
            Intent::Read => plan::Intent::Keep,
            Intent::Change => plan::Intent::Change,
            Intent::Login => plan::Intent::LogIn,
            Intent::Renew => plan::Intent::Renew { change: true },
            Intent::Logout => plan::Intent::Destroy,
        };
        Facts { cookie: self.cookie.map(|_| KeyAge::Current), session, intent }
    }

    /// Creates a session with nothing of another one.
    fn creation(&self) -> Script {
        Script::Create(record(self.client, self.intent, None, None))
    }
}

impl World {
    pub(crate) fn begin(&mut self, client: Client, intent: Intent, cookie: Option<Id>) {
        let n = index(self.requests.len());
        let mut overlaps = Set::default();
        for (other, request) in (0..).zip(&mut self.requests) {
            if request.is_in_flight() {
                request.overlaps.insert(n);
                overlaps.insert(other);
            }
        }
        let had_nothing = cookie.is_none_or(|id| self.store.load(id) == Slot::Empty);
        self.requests.push(Request::new(client, intent, cookie, had_nothing, overlaps));
    }

    /// Takes the next step of a request. `None` if there is none.
    pub(crate) fn run(&mut self, n: usize, part: Part, reply: Reply, protocol: &Protocol) -> Option<()> {
        let Stage::Running(script) = self.requests[n].stage else { return None };
        match self.perform(script, part, reply, protocol) {
            Next::Run(script) => self.requests[n].stage = Stage::Running(script),
            Next::Loaded(id, slot) => self.loaded(n, id, slot, protocol),
            Next::Unknown(renewing) => {
                // The browser gets the new id, because the old one may be of no use any more.
                self.finish_in_background(renewing);
                self.respond(n, Status::Unavailable, SetCookie::Id(renewing.new_id()));
            }
            Next::Done(outcome) => self.finish(n, outcome, protocol),
        }
        Some(())
    }

    /// Takes a step whose reply is lost, and which the node takes once more.
    pub(crate) fn retry(&mut self, n: usize, part: Part, protocol: &Protocol) -> Option<()> {
        let Stage::Running(script) = self.requests[n].stage else { return None };
        self.store = self.store_after(script, part, protocol);
        Some(())
    }

    /// The response arrives. `None` if there is none yet.
    pub(crate) fn deliver(&mut self, n: usize) -> Option<()> {
        let request = &mut self.requests[n];
        let response = request.response()?;
        request.stage = Stage::Done(response);
        let logs_in = request.intent == Intent::Login && response.status == Status::Ok;
        match (request.client, response.cookie) {
            (Client::Visitor, SetCookie::Id(id)) => {
                self.jar = Some(id);
                if logs_in {
                    self.last_login = LastLogin::Request(index(n), id);
                }
            }
            (Client::Visitor, SetCookie::Removal) => self.jar = None,
            (Client::Attacker, SetCookie::Id(id)) => self.attacker_has.insert(id),
            (_, SetCookie::None) | (Client::Attacker, SetCookie::Removal) => {}
        }
        self.store.forget_witness(index(n));
        Some(())
    }

    /// Plans what to do with the session under this id.
    fn loaded(&mut self, n: usize, id: Id, slot: Slot, protocol: &Protocol) {
        let request = self.requests[n];
        if let (Intent::Login, Slot::Moved(to, _)) = (request.intent, slot) {
            match protocol.login_on_moved {
                LoginOnMoved::CreatesSession => {}
                LoginOnMoved::Follows => return self.requests[n].stage = Stage::Running(Script::Load(to)),
                LoginOnMoved::IsRejected => return self.respond(n, Status::Moved, SetCookie::None),
            }
        }
        let (store_step, _) = plan(request.facts(slot, protocol));
        let dead = cookie_of_dead_session(protocol);
        let script = match (store_step, slot) {
            (StoreStep::Nothing, Slot::Record(_)) => return self.respond(n, Status::Ok, SetCookie::None),
            (StoreStep::Nothing, _) => return self.respond(n, Status::Ok, dead),
            (StoreStep::RejectMoved, _) => return self.respond(n, Status::Moved, dead),
            (StoreStep::RejectEnded, _) => return self.respond(n, Status::Ended, dead),
            (StoreStep::Create, _) => request.creation(),
            (StoreStep::Save, Slot::Record(Record { revision: replacing, .. })) => {
                Script::Save { id, replacing, revision: 1 + index(n) }
            }
            (StoreStep::Renew, Slot::Record(base)) => {
                let predecessor = protocol.record_names_predecessor.then_some(id);
                let record = record(request.client, request.intent, Some(base), predecessor);
                Script::Renew(Renewing::begin(id, base, record, protocol))
            }
            step => unreachable!("{step:?}"),
        };
        self.requests[n].stage = Stage::Running(script);
    }

    fn finish(&mut self, n: usize, outcome: Outcome, protocol: &Protocol) {
        let request = self.requests[n];
        let logs_in = request.intent == Intent::Login;
        let dead = cookie_of_dead_session(protocol);
        match (outcome, protocol.login_on_moved) {
            (Outcome::Saved, _) => self.respond(n, Status::Ok, SetCookie::None),
            (Outcome::Issued(id), _) => self.respond(n, Status::Ok, SetCookie::Id(id)),
            (Outcome::Ended, _) => self.respond(n, Status::Ok, SetCookie::Removal),
            (Outcome::EndUnknown(id), _) => {
                let from = if protocol.failed_end_resumes { id } else { request.cookie.unwrap_or(id) };
                self.add_job(Job::end(from, from != id));
                self.respond(n, Status::Unavailable, SetCookie::Removal);
            }
            (Outcome::Failed(Failure::NoReply), _) => self.respond(n, Status::Unavailable, SetCookie::None),
            (Outcome::Failed(Failure::Moved), LoginOnMoved::Follows) if logs_in => {
                let again = request.cookie.map(Script::Load).map(Stage::Running);
                self.requests[n].stage = again.unwrap_or(request.stage);
            }
            (Outcome::Failed(_), LoginOnMoved::CreatesSession | LoginOnMoved::Follows) if logs_in => {
                self.requests[n].stage = Stage::Running(request.creation());
            }
            (Outcome::Failed(Failure::Moved), _) => self.respond(n, Status::Moved, dead),
            (Outcome::Failed(Failure::Gone), _) => self.respond(n, Status::Ended, dead),
        }
    }

    fn respond(&mut self, n: usize, status: Status, cookie: SetCookie) {
        let request = &mut self.requests[n];
        request.stage = Stage::Responded(Response { status, cookie });
        let (client, intent) = (request.client, request.intent);
        if let (Client::Visitor, SetCookie::Id(id)) = (client, cookie) {
            self.sent_ids.insert(id);
        }
        let rejected = matches!(status, Status::Ended | Status::Moved);
        self.login_was_rejected |= rejected && (client, intent) == (Client::Visitor, Intent::Login);
        // Only the arrival of a response that changes the visitor's cookie needs a step of its own.
        if cookie == SetCookie::None || client == Client::Attacker {
            self.deliver(n);
        }
    }
}

/// The record that a request makes of `base`.
fn record(client: Client, intent: Intent, base: Option<Record>, predecessor: Option<Id>) -> Record {
    let logs_in = intent == Intent::Login;
    let subject = if logs_in { Some(client) } else { base.and_then(|base| base.subject) };
    let was_private = base.is_some_and(|base| base.private);
    let private = was_private || (logs_in && client == Client::Visitor);
    Record { subject, private, predecessor, revision: 0 }
}

fn cookie_of_dead_session(protocol: &Protocol) -> SetCookie {
    if protocol.only_logout_removes_cookie { SetCookie::None } else { SetCookie::Removal }
}

#[expect(clippy::cast_possible_truncation, reason = "a run has a handful of requests")]
fn index(n: usize) -> u8 {
    n as u8
}
