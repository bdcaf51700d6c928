use crate::history::{Call, Label, Moment, Operation, Outcome};

/// The calls that ended a session under a cookie, or may have: logouts, and renewals, which move it to another.
///
/// A renewal that was answered with an error is none of them: it was not done, so the session has to be there.
/// A logout that was answered so may be made up for at any time.
#[derive(Debug)]
pub(super) struct Endings {
    /// By cookie; calls by their place in the history.
    of: Vec<Vec<usize>>,
}

impl Endings {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut of = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            let may_end = match call.operation {
                Operation::Logout => true,
                Operation::Renew => {
                    matches!(call.outcome, Outcome::Done(_) | Outcome::Uncertain(_) | Outcome::Unknown)
                }
                Operation::Login | Operation::Visit | Operation::Read => false,
            };
            if let (true, Some(cookie)) = (may_end, call.cookie) {
                of.resize_with(of.len().max(cookie + 1), Vec::new);
                of[cookie].push(place);
            }
        }
        Self { of }
    }

    /// All that ended the session under `cookie`, or may have.
    pub(super) fn of_cookie<'h>(
        &self,
        calls: &'h [Call],
        cookie: Label,
    ) -> impl Iterator<Item = (usize, &'h Call)> {
        self.of.get(cookie).into_iter().flatten().map(|&place| (place, &calls[place]))
    }

    /// Whether the session under `cookie` may be over before `moment`, by another call than the one at `except`.
    pub(super) fn possible(&self, calls: &[Call], cookie: Label, moment: Moment, except: usize) -> bool {
        self.of_cookie(calls, cookie).any(|(place, ending)| place != except && ending.start < moment)
    }

    /// The first call that ended the session under `cookie`, and of which that was known before `moment`.
    pub(super) fn certain<'h>(&self, calls: &'h [Call], cookie: Label, moment: Moment) -> Option<&'h Call> {
        self.of_cookie(calls, cookie)
            .map(|(_, ending)| ending)
            .find(|ending| ending.is_done() && ending.end < moment)
    }
}
