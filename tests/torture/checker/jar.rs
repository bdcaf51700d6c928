use super::rights::{Effect, Rights};
use super::{Rule, Violation};
use crate::history::{Call, Moment, Operation, SetCookie};

/// How often the expected content of a jar was known, and how often not, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Jars {
    pub(crate) judged: u64,
    /// Two requests without a cookie that each began a session.
    pub(crate) first_visits: u64,
    /// A write under an expired id that began another session, and any other request that set a cookie.
    pub(crate) expired_ids: u64,
    /// A login or renewal, and any other request that set a cookie.
    pub(crate) logins: u64,
    /// A logout and any request that set a cookie.
    pub(crate) logouts: u64,
    /// A cookie reissued under another secret, and any other change.
    pub(crate) reissues: u64,
}

impl Jars {
    pub(crate) const fn add(&mut self, other: &Self) {
        self.judged += other.judged;
        self.first_visits += other.first_visits;
        self.expired_ids += other.expired_ids;
        self.logins += other.logins;
        self.logouts += other.logouts;
        self.reissues += other.reissues;
    }

    const fn count_of(&mut self, overlap: Overlap) -> &mut u64 {
        match overlap {
            Overlap::FirstVisits => &mut self.first_visits,
            Overlap::ExpiredId => &mut self.expired_ids,
            Overlap::Logins => &mut self.logins,
            Overlap::Logout => &mut self.logouts,
            Overlap::Reissue => &mut self.reissues,
        }
    }
}

/// Concurrent requests that were entitled to change the jar in different ways. No server can order them: the response that arrives last
/// decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Overlap {
    FirstVisits,
    ExpiredId,
    Logins,
    Logout,
    Reissue,
}

/// An entitled change of the jar.
#[derive(Clone, Copy, Debug)]
struct Change {
    end: Moment,
    effect: Effect,
    operation: Operation,
    sent_cookie: bool,
    reissues: bool,
}

/// Checks the visitor's jar: a late response logs the visitor neither in nor out.
///
/// The jar has room for one cookie, and responses change it in the order in which they arrive. After each change it has to contain the
/// result of the last entitled change, that is, one that ended after the start of all others.
pub(super) fn check(calls: &[Call], rights: &Rights<'_>) -> (Vec<Violation>, Jars) {
    let mut violations = Vec::new();
    let mut jars = Jars::default();
    let (mut held, mut last): (_, Vec<Change>) = (Effect::Empties, Vec::new());
    for (place, call) in calls.iter().enumerate() {
        let entitled = match rights.of(call) {
            Ok(entitled) => entitled,
            Err((rule, text)) => {
                violations.push(Violation { rule, call: place, text });
                // The change that should have been made, if that is known.
                let removes = call.operation == Operation::Logout && call.is_done() && call.cookie.is_some();
                removes.then_some(Effect::Empties)
            }
        };
        if let Some(effect) = entitled {
            last.retain(|earlier| earlier.end > call.start);
            let sent_cookie = call.cookie.is_some();
            let reissues = matches!(call.set_cookie, SetCookie::Reissues(_));
            last.push(Change { end: call.end, effect, operation: call.operation, sent_cookie, reissues });
        }
        match call.set_cookie {
            SetCookie::Nothing if entitled.is_none() => continue,
            SetCookie::Nothing => {}
            SetCookie::Gives(cookie) | SetCookie::Reissues(cookie) => held = Effect::Gives(cookie),
            SetCookie::Removes => held = Effect::Empties,
        }
        match overlap(&last) {
            Some(overlap) => *jars.count_of(overlap) += 1,
            None => jars.judged += 1,
        }
        let is_right = match &last[..] {
            [] => held == Effect::Empties,
            last => last.iter().any(|change| change.effect == held),
        };
        if !is_right {
            let expected: Vec<_> = last.iter().map(|change| change.effect).collect();
            let text = format!("the jar is {held:?}, expected {expected:?}");
            violations.push(Violation { rule: Rule::WrongJar, call: place, text });
        }
    }
    (violations, jars)
}

/// Why the expected content of the jar is unknown after these concurrent changes.
fn overlap(last: &[Change]) -> Option<Overlap> {
    let (first, others) = last.split_first()?;
    if others.iter().all(|other| other.effect == first.effect) {
        return None;
    }
    let any = |matches: fn(&Change) -> bool| last.iter().any(matches);
    Some(if any(|change| change.reissues) {
        Overlap::Reissue
    } else if any(|change| change.effect == Effect::Empties) {
        Overlap::Logout
    } else if any(|change| change.operation == Operation::Note && change.sent_cookie) {
        Overlap::ExpiredId
    } else if any(|change| change.sent_cookie) {
        Overlap::Logins
    } else {
        Overlap::FirstVisits
    })
}
