use super::accounts::Accounts;
use super::endings::Endings;
use super::{Rule, Violation};
use crate::history::{Call, Label, Moment, Operation, Outcome};

/// Checks what was not done: an outage is an error, and never the end of a session.
pub(super) fn check(calls: &[Call], endings: &Endings, accounts: &Accounts) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        match (&call.outcome, call.cookie) {
            (Outcome::Refused, Some(cookie))
                if !endings.possible(calls, cookie, call.end, place)
                    && !ended_before_it_moved(calls, endings, accounts, cookie, call.end) =>
            {
                let rule = if failed_renewal(calls, cookie, call.end) {
                    Rule::LostInRenewal
                } else {
                    Rule::LoggedOut
                };
                let text = format!("cookie {cookie} is refused, and nobody ended its session");
                violations.push(Violation { rule, call: place, text });
            }
            (Outcome::Failed(status), _) if !ERRORS.contains(status) => {
                let text = format!("status {status}");
                violations.push(Violation { rule: Rule::Unexpected, call: place, text });
            }
            _ => {}
        }
    }
    violations
}

/// Whether the session under `cookie` may have been ended under the one before, while nobody knew whether it had moved.
fn ended_before_it_moved(
    calls: &[Call],
    endings: &Endings,
    accounts: &Accounts,
    cookie: Label,
    before: Moment,
) -> bool {
    let dependence = accounts.depends_on(cookie);
    dependence.is_some_and(|(parent, renewal)| endings.possible(calls, parent, before, renewal))
}

/// Whether the session under `cookie` may have been lost on its way to another cookie that nobody was told.
fn failed_renewal(calls: &[Call], cookie: Label, before: Moment) -> bool {
    calls.iter().any(|call| {
        call.operation == Operation::Renew
            && call.cookie == Some(cookie)
            && call.start < before
            && matches!(call.outcome, Outcome::Failed(_))
    })
}

/// Too many at once, and no store.
const ERRORS: [u16; 2] = [409, 503];
