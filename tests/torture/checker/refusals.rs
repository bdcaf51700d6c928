use super::endings::Endings;
use super::lineage::Lineage;
use super::{Rule, Violation};
use crate::history::{Call, Label, Moment, Operation, Outcome};

/// Checks refusals and errors: an outage is an error, and never the end of a session. Logins, logouts and first visits are not refused.
pub(super) fn check(calls: &[Call], lineage: &Lineage, endings: &Endings) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |rule, call, text| violations.push(Violation { rule, call, text });
    for (place, call) in calls.iter().enumerate() {
        if let Some(what) = never_refused(call)
            && call.is_rejected()
            && !(call.outcome == Outcome::Conflict && is_contended(calls, call))
        {
            report(Rule::Unexpected, place, format!("{what} was refused"));
        }
        match (&call.outcome, call.cookie) {
            (Outcome::Refused, cookie) => {
                let Some(cookie) = cookie else { continue };
                let mut possible = endings.possible(calls, lineage, cookie, call.end);
                if possible.all(|ending| ending == place) {
                    let lost = failed_renewal(calls, cookie, call.end);
                    let rule = if lost { Rule::LostInRenewal } else { Rule::LoggedOut };
                    report(rule, place, format!("cookie {cookie} is refused, and no call ended its session"));
                }
            }
            (Outcome::Failed(status), _) if *status != UNAVAILABLE => {
                report(Rule::Unexpected, place, format!("status {status}"));
            }
            _ => {}
        }
    }
    violations
}

/// What the call is, if its cookie is no reason to refuse it.
const fn never_refused(call: &Call) -> Option<&'static str> {
    match (call.operation, call.cookie) {
        (Operation::Login | Operation::Renew, _) => Some("a login"),
        (Operation::Logout, _) => Some("a logout"),
        (Operation::Note, None) => Some("a first visit"),
        (Operation::Note | Operation::Visit | Operation::Read, _) => None,
    }
}

/// Whether other requests may have kept changing the session for so long that a login gave up.
fn is_contended(calls: &[Call], login: &Call) -> bool {
    let mut writes = calls.iter().filter(|call| {
        matches!(call.operation, Operation::Visit | Operation::Note)
            && call.cookie == login.cookie
            && !call.is_rejected()
    });
    login.operation == Operation::Renew
        && writes.any(|write| {
            // One without an answer may still be under way.
            write.start < login.end && (write.end > login.start || write.outcome == Outcome::Unknown)
        })
}

/// Whether the session under `cookie` may have been lost in a renewal that failed and gave no cookie.
fn failed_renewal(calls: &[Call], cookie: Label, before: Moment) -> bool {
    calls.iter().any(|call| {
        call.operation == Operation::Renew
            && call.cookie == Some(cookie)
            && call.start < before
            && matches!(call.outcome, Outcome::Failed(_))
            && !call.is_uncertain()
    })
}

/// No store. Too many at once are [`Outcome::Conflict`].
const UNAVAILABLE: u16 = 503;
