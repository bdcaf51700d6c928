//! Checks a history against the promises. A pure function: a history in, violations out.

mod accounts;
mod endings;
mod jar;
mod lineage;
mod reads;
mod rejections;
mod rights;
#[cfg(test)]
mod tests;
mod uncertain;

use std::fmt;
use std::time::Duration;

use self::accounts::Accounts;
use self::endings::Endings;
pub(crate) use self::jar::Jars;
use self::lineage::Lineage;
use self::rights::Rights;
pub(crate) use self::uncertain::LossWindow;
use self::uncertain::UncertainUpdates;
use crate::history::History;

/// A promise that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    /// The index of the call that shows it.
    pub(crate) call: usize,
    pub(crate) text: String,
}

/// The promises, as far as they can be tested from outside.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Rule {
    /// P1: an acknowledged update is missing.
    LostUpdate,
    /// P1: there are more updates than requests, or a rejected update was made.
    PhantomUpdate,
    /// A reader saw an older state than before, on the same process.
    Backwards,
    /// P2: a session that had ended under any of its cookies was changed, or came back under another one.
    Resurrected,
    /// P2: one session became two.
    Forked,
    /// P3: a session was served too long after its end under any of its cookies.
    Stale,
    /// A visitor got the session of another one.
    OtherUser,
    /// A login kept the id of the session (session fixation).
    Fixed,
    /// P6: a session has ended without a call that ended it.
    LoggedOut,
    /// P6: the same after a renewal that failed, which must leave the session unchanged.
    LostInRenewal,
    /// P2: a response that was not entitled to it set or removed a cookie.
    LateCookie,
    /// P2: the jar does not contain the result of the last entitled change.
    WrongJar,
    /// A response that the reference node does not send.
    Unexpected,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LostUpdate => "lost update (P1)",
            Self::PhantomUpdate => "phantom update (P1)",
            Self::Backwards => "went backwards",
            Self::Resurrected => "resurrected (P2)",
            Self::Forked => "forked (P2)",
            Self::Stale => "stale (P3)",
            Self::Fixed => "logged in under an old id",
            Self::OtherUser => "another user's session",
            Self::LoggedOut => "session ended without a call (P6)",
            Self::LostInRenewal => "lost in a failed renewal (P6)",
            Self::LateCookie => "a cookie in a late response (P2)",
            Self::WrongJar => "wrong cookie in the jar (P2)",
            Self::Unexpected => "unexpected response",
        })
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    /// The number of acknowledged updates that may be missing.
    pub(crate) uncertain: u64,
    /// The number of those that are missing.
    pub(crate) lost: u64,
    pub(crate) jars: Jars,
    /// The number of logouts with an earlier cookie that were followed by a request with a later one.
    pub(crate) followed: u64,
}

/// Checks a history. Every change has to be visible on all nodes after `bound`, except for updates in the `loss_windows`.
pub(crate) fn check(history: &History, bound: Duration, loss_windows: &[LossWindow]) -> Findings {
    let calls = &history.calls;
    let uncertain = UncertainUpdates::of(history, loss_windows);
    let (lineage, endings) = (Lineage::of(calls), Endings::of(calls));
    let accounts = Accounts::of(calls, &lineage, &endings);
    let (mut violations, lost) = reads::check(history, &lineage, &endings, &accounts, &uncertain, bound);
    violations.extend(accounts.violations(calls, &endings, &uncertain));
    violations.extend(rejections::check(calls, &lineage, &endings));
    let (of_jar, jars) =
        jar::check(calls, &Rights { calls, lineage: &lineage, endings: &endings, accounts: &accounts });
    violations.extend(of_jar);
    violations.sort_by_key(|violation| violation.call);
    Findings {
        violations,
        uncertain: uncertain.acknowledged(calls),
        lost,
        jars,
        followed: endings.followed(calls, &lineage, &accounts),
    }
}
