//! What a history must not show. A pure function: a history in, violations out.

mod accounts;
mod doubts;
mod endings;
mod jar;
mod lineage;
mod reads;
mod refusals;
mod rights;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use self::accounts::Accounts;
pub(crate) use self::doubts::Doubt;
use self::doubts::Doubtful;
use self::endings::Endings;
pub(crate) use self::jar::Jars;
use self::lineage::Lineage;
use self::rights::Rights;
use crate::history::History;

/// A promise that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    /// The call that shows it, by its place in the history.
    pub(crate) call: usize,
    pub(crate) text: String,
}

/// The promises of DESIGN.md, as an outsider can test them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Rule {
    /// P1: an acknowledged update is missing.
    LostUpdate,
    /// P1: there are more updates than were asked for, or one that was refused was made.
    PhantomUpdate,
    /// A reader saw an older state than before, on one process.
    Backwards,
    /// P2: a session that had ended, under whatever cookie, was changed, or came back under another one.
    Resurrected,
    /// P2: one session became two.
    Forked,
    /// P3: a session was served too long after its end, under whatever cookie that was.
    Stale,
    /// A session of another visitor.
    OtherUser,
    /// A session was logged in under the id that it had before: the id may be known to others.
    Fixed,
    /// P6: a session is gone that no call ended.
    LoggedOut,
    /// P6: the same, after a renewal that was answered with an error: it was to leave everything as it was.
    LostInRenewal,
    /// P2: an answer without the right to do so set or removed a cookie, like that of a late request.
    LateCookie,
    /// P2: the jar does not hold what the last rightful change made of it.
    WrongJar,
    /// An answer that is none of those that the reference node gives.
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
            Self::LoggedOut => "logged out by no call (P6)",
            Self::LostInRenewal => "lost in a failed renewal (P6)",
            Self::LateCookie => "a cookie of a late answer (P2)",
            Self::WrongJar => "wrong cookie in the jar (P2)",
            Self::Unexpected => "unexpected answer",
        })
    }
}

/// What a history shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    /// How many acknowledged updates may be missing.
    pub(crate) uncertain: u64,
    /// How many of them are.
    pub(crate) lost: u64,
    pub(crate) jars: Jars,
    /// Logouts with an earlier cookie after which the session was asked for under a later one.
    pub(crate) followed: u64,
}

/// All that is wrong with a history, if what has happened must be seen everywhere after `bound`, but for the updates that
/// may have been lost.
pub(crate) fn check(history: &History, bound: Duration, doubts: &[Doubt]) -> Findings {
    let calls = &history.calls;
    let doubtful = Doubtful::of(history, doubts);
    let (lineage, endings) = (Lineage::of(calls), Endings::of(calls));
    let accounts = Accounts::of(calls, &lineage, &endings);
    let (mut violations, lost) = reads::check(history, &lineage, &endings, &accounts, &doubtful, bound);
    violations.extend(accounts.violations(calls, &endings, &doubtful));
    violations.extend(refusals::check(calls, &lineage, &endings));
    let (of_jar, jars) =
        jar::check(calls, &Rights { calls, lineage: &lineage, endings: &endings, accounts: &accounts });
    violations.extend(of_jar);
    violations.sort_by_key(|violation| violation.call);
    Findings {
        violations,
        uncertain: doubtful.acknowledged(calls),
        lost,
        jars,
        followed: endings.followed(calls, &lineage, &accounts),
    }
}
