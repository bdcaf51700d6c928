//! The calls and their responses, as the visitors saw them.

use std::time::Duration;

use crate::slots::Slot;

/// All calls of one visitor.
///
/// They are in the order in which they ended, which is also the order in which the responses changed the visitor's jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) username: String,
    pub(crate) calls: Vec<Call>,
    /// The slots of the sessions, by cookie number.
    pub(crate) slots: Vec<Slot>,
}

impl History {
    /// The slot of the session of a call, if it sent a cookie.
    pub(crate) fn slot_of(&self, call: &Call) -> Option<Slot> {
        self.slots.get(call.cookie?).copied()
    }
}

/// Identifies a session cookie of a visitor, in the order in which they were set. A history contains no cookies, so it can be
/// printed.
pub(crate) type CookieNumber = usize;

/// The time since the run began.
pub(crate) type Moment = Duration;

/// A request and its response.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The calls of an actor do not overlap, except for two renewals at the same time.
    pub(crate) actor: usize,
    pub(crate) node: usize,
    /// The process of the node that sent the response. `None` if the node was restarted during the call.
    pub(crate) process: Option<u32>,
    /// The cookie that was sent.
    pub(crate) cookie: Option<CookieNumber>,
    pub(crate) operation: Operation,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) outcome: Outcome,
    pub(crate) set_cookie: SetCookie<CookieNumber>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    /// `POST /login` without a cookie.
    Login,
    /// `POST /visits`: increments the counter.
    Visit,
    /// `POST /notes`: changes the session, or begins one without a login.
    Note,
    /// `GET /me`.
    Read,
    /// `POST /login` with a cookie: moves the session to another.
    Renew,
    /// `POST /logout`.
    Logout,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It was done: 200 or 204.
    Done(Body),
    /// The session does not exist: 401. Nothing was done.
    Unauthorized,
    /// The session has moved to another id, or other requests kept changing it: 409. Nothing was done.
    Conflict,
    /// Another status. Whether it was done is unknown.
    Failed(u16),
    /// No response arrived in time. Whether it was done, or will be, is unknown.
    Unknown,
}

/// The body of a response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Body {
    pub(crate) username: Option<String>,
    pub(crate) visits: Option<u64>,
}

/// The change of the jar by a response.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum SetCookie<C> {
    #[default]
    Nothing,
    Gives(C),
    /// The cookie of the same session, under another secret.
    Reissues(C),
    Removes,
}

impl<C> SetCookie<C> {
    pub(crate) fn map<D>(self, f: impl FnOnce(C) -> D) -> SetCookie<D> {
        match self {
            Self::Nothing => SetCookie::Nothing,
            Self::Gives(cookie) => SetCookie::Gives(f(cookie)),
            Self::Reissues(cookie) => SetCookie::Reissues(f(cookie)),
            Self::Removes => SetCookie::Removes,
        }
    }
}

impl Call {
    /// The body of the response, if it was done.
    pub(crate) const fn done(&self) -> Option<&Body> {
        match &self.outcome {
            Outcome::Done(body) => Some(body),
            Outcome::Unauthorized | Outcome::Conflict | Outcome::Failed(_) | Outcome::Unknown => None,
        }
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.done().is_some()
    }

    /// The cookie that the response set, if it is for another session id than before.
    pub(crate) const fn given(&self) -> Option<CookieNumber> {
        match self.set_cookie {
            SetCookie::Gives(cookie) => Some(cookie),
            SetCookie::Nothing | SetCookie::Reissues(_) | SetCookie::Removes => None,
        }
    }

    /// Whether it failed, but set a cookie. The session exists under the new cookie, and will soon exist under that only.
    pub(crate) const fn is_uncertain(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_)) && self.given().is_some()
    }

    /// Whether certainly nothing was done.
    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.outcome, Outcome::Unauthorized | Outcome::Conflict)
    }

    /// Whether certainly the same process of the same node sent the response.
    pub(crate) fn same_process(&self, other: &Self) -> bool {
        self.node == other.node && self.process.is_some() && self.process == other.process
    }
}

impl Operation {
    /// Whether it logs a visitor in, with or without an existing session.
    pub(crate) const fn is_login(self) -> bool {
        matches!(self, Self::Login | Self::Renew)
    }
}
