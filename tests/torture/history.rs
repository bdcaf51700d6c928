//! What was asked and answered, as the visitors saw it.

use std::time::Duration;

use crate::slots::Slot;

/// All that happened to one user's session, from the first login to the last look at its dead cookies.
///
/// Calls stand in the order in which they ended.
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
    /// Who asked. An actor does one thing after another, but for renewals, of which it may begin two at once.
    pub(crate) actor: usize,
    pub(crate) node: usize,
    /// Which of the node's processes answered. `None` if it was not one and the same all the time.
    pub(crate) process: Option<u32>,
    /// Which cookie was sent.
    pub(crate) cookie: Option<Label>,
    pub(crate) operation: Operation,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    /// `POST /login` without a cookie.
    Login,
    /// `POST /visits`: adds one.
    Visit,
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
    /// There is no such session: 401.
    Refused,
    /// The node says that it could not, and with which status. Whether it was done is unknown.
    Failed(u16),
    /// The same for a renewal, but this cookie came along: the session is to be had under it in any case, and before long
    /// under no other.
    Uncertain(Label),
    /// No answer came, or not in time. Whether it was done, or will be, is unknown.
    Unknown,
}

/// What an answer said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) username: Option<String>,
    pub(crate) visits: Option<u64>,
    /// The cookie that came with it.
    pub(crate) cookie: Option<Label>,
}

impl Call {
    /// The answer, if it was done.
    pub(crate) fn done(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Done(answer) => Some(answer),
            Outcome::Refused | Outcome::Failed(_) | Outcome::Uncertain(_) | Outcome::Unknown => None,
        }
    }

    /// The cookie that came with the answer.
    pub(crate) fn given(&self) -> Option<Label> {
        match &self.outcome {
            Outcome::Done(answer) => answer.cookie,
            Outcome::Uncertain(cookie) => Some(*cookie),
            Outcome::Refused | Outcome::Failed(_) | Outcome::Unknown => None,
        }
    }

    pub(crate) const fn is_uncertain(&self) -> bool {
        matches!(self.outcome, Outcome::Uncertain(_))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.outcome.is_done()
    }

    /// Whether the same process of the same node answered, for certain.
    pub(crate) fn same_process(&self, other: &Self) -> bool {
        self.node == other.node && self.process.is_some() && self.process == other.process
    }
}

impl Outcome {
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}
