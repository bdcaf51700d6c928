use super::endings::Endings;
use super::lineage::Lineage;
use super::{Rule, Violation};
use crate::history::{Call, CookieNumber, Moment, Operation, Outcome};

/// Checks rejections and errors: an outage is an error, and never the end of a session. Logins, logouts and first visits are never
/// rejected.
pub(super) fn check(calls: &[Call], lineage: &Lineage, endings: &Endings) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |rule, call, text| violations.push(Violation { rule, call, text });
    for (place, call) in calls.iter().enumerate() {
        if let Some(what) = never_rejected(call)
            && call.is_rejected()
            && !(call.outcome == Outcome::Conflict && is_contended(calls, call))
        {
            report(Rule::Unexpected, place, format!("{what} was rejected"));
        }
        match (&call.outcome, call.cookie) {
            (Outcome::Unauthorized, cookie) => {
                let Some(cookie) = cookie else { continue };
                let mut possible = endings.possible(calls, lineage, cookie, call.end);
                if possible.all(|ending| ending == place) {
                    let lost = failed_renewal(calls, cookie, call.end);
                    let rule = if lost { Rule::LostInRenewal } else { Rule::LoggedOut };
                    report(
                        rule,
                        place,
                        format!("cookie {cookie} is rejected, but no call ended its session"),
                    );
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

/// A description of the call, if it must not be rejected whatever its cookie.
const fn never_rejected(call: &Call) -> Option<&'static str> {
    match (call.operation, call.cookie) {
        (Operation::Login | Operation::Renew, _) => Some("a login"),
        (Operation::Logout, _) => Some("a logout"),
        (Operation::Note, None) => Some("a first visit"),
        (Operation::Note | Operation::Visit | Operation::Read, _) => None,
    }
}

/// Whether the session may have been changed by others for so long that a login gave up.
fn is_contended(calls: &[Call], login: &Call) -> bool {
    login.operation == Operation::Renew
        && calls.iter().any(|call| writes_during(call, login) || continues_during(call, login))
}

/// Whether the call is another request that changes the session during the login.
fn writes_during(call: &Call, login: &Call) -> bool {
    matches!(call.operation, Operation::Visit | Operation::Note)
        && call.cookie == login.cookie
        && !call.is_rejected()
        && call.start < login.end
        // A write without a response may still be in progress.
        && (call.end > login.start || call.outcome == Outcome::Unknown)
}

/// Whether the call is the renewal that gave the cookie, whose node still saves the session, because it got no reply in time.
fn continues_during(call: &Call, login: &Call) -> bool {
    call.is_uncertain()
        && call.given() == login.cookie
        && call.start < login.end
        && call.end + BACKGROUND > login.start
}

/// Whether the session under `cookie` may have been lost in a renewal that failed and gave no cookie.
fn failed_renewal(calls: &[Call], cookie: CookieNumber, before: Moment) -> bool {
    calls.iter().any(|call| {
        call.operation == Operation::Renew
            && call.cookie == Some(cookie)
            && call.start < before
            && matches!(call.outcome, Outcome::Failed(_))
            && !call.is_uncertain()
    })
}

/// A node continues a renewal for 20 seconds after its beginning.
const BACKGROUND: Moment = Moment::from_secs(20);

/// The store is unavailable. Too many concurrent changes are [`Outcome::Conflict`].
const UNAVAILABLE: u16 = 503;
