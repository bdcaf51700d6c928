//! The calls and their answers, as the visitors saw them.

use std::time::Duration;

use crate::slots::Slot;

/// All calls of one visitor.
///
/// They are in the order in which they ended, which is also the order in which the answers changed the visitor's jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) username: String,
    pub(crate) calls: Vec<Call>,
    /// Where the sessions lie, by the labels of their cookies.
    pub(crate) slots: Vec<Slot>,
}

impl History {
    /// Where the session lies that the call asked for, if it sent a cookie.
    pub(crate) fn slot_of(&self, call: &Call) -> Option<Slot> {
        self.slots.get(call.cookie?).copied()
    }
}

/// Stands for a session cookie: a number in the order in which this user was given them. A history holds no
/// cookies, so it can be printed.
pub(crate) type Label = usize;

/// A time since the run began.
pub(crate) type Moment = Duration;

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The calls of an actor do not overlap, except for two renewals at the same time.
    pub(crate) actor: usize,
    pub(crate) node: usize,
    /// The process of the node that answered. `None` if the node was restarted during the call.
    pub(crate) process: Option<u32>,
    /// Which cookie was sent.
    pub(crate) cookie: Option<Label>,
    pub(crate) operation: Operation,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) outcome: Outcome,
    pub(crate) set_cookie: SetCookie<Label>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    /// `POST /login` without a cookie.
    Login,
    /// `POST /visits`: adds one.
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
    Done(Answer),
    /// There is no such session: 401. Nothing was done.
    Refused,
    /// The session has moved to another id, or other requests kept changing it: 409. Nothing was done.
    Conflict,
    /// Another status. Whether it was done is unknown.
    Failed(u16),
    /// No answer came in time. Whether it was done, or will be, is unknown.
    Unknown,
}

/// What an answer said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) username: Option<String>,
    pub(crate) visits: Option<u64>,
}

/// What an answer does to the jar.
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
    /// The answer, if it was done.
    pub(crate) const fn done(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Done(answer) => Some(answer),
            Outcome::Refused | Outcome::Conflict | Outcome::Failed(_) | Outcome::Unknown => None,
        }
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.done().is_some()
    }

    /// The cookie that came with the answer, if it is that of another session than before.
    pub(crate) const fn given(&self) -> Option<Label> {
        match self.set_cookie {
            SetCookie::Gives(cookie) => Some(cookie),
            SetCookie::Nothing | SetCookie::Reissues(_) | SetCookie::Removes => None,
        }
    }

    /// Whether it failed and gave a cookie all the same. The session is there under the new cookie, and soon under no other.
    pub(crate) const fn is_uncertain(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_)) && self.given().is_some()
    }

    /// Whether nothing was done, for certain.
    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.outcome, Outcome::Refused | Outcome::Conflict)
    }

    /// Whether the same process of the same node answered, for certain.
    pub(crate) fn same_process(&self, other: &Self) -> bool {
        self.node == other.node && self.process.is_some() && self.process == other.process
    }
}

impl Operation {
    /// Whether it logs a visitor in, with a session or without one.
    pub(crate) const fn is_login(self) -> bool {
        matches!(self, Self::Login | Self::Renew)
    }
}
