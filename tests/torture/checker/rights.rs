use super::Rule;
use super::accounts::Accounts;
use super::endings::{Endings, TOMBSTONE_TTL};
use super::lineage::Lineage;
use crate::history::{Call, CookieNumber, Operation, Outcome, SetCookie};

/// The effect of a response on the jar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    Gives(CookieNumber),
    Empties,
}

/// Decides which responses are entitled to change the jar.
///
/// A login sets a cookie, and so does the first write of a visitor without a session. A cookie is reissued for a session that exists, and
/// removed by a logout. All other responses, and rejections, leave the jar unchanged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights<'h> {
    pub(super) calls: &'h [Call],
    pub(super) lineage: &'h Lineage,
    pub(super) endings: &'h Endings,
    pub(super) accounts: &'h Accounts<'h>,
}

impl Rights<'_> {
    /// The change of the jar that the response of `call` was entitled to, if any.
    ///
    /// # Errors
    ///
    /// When the response made a change that it was not entitled to, or did not make a change that it should have made.
    pub(super) fn of(&self, call: &Call) -> Result<Option<Effect>, (Rule, String)> {
        match call.set_cookie {
            SetCookie::Nothing => match missing(call) {
                None => Ok(None),
                Some(text) => Err((Rule::Unexpected, text.to_owned())),
            },
            SetCookie::Gives(cookie) if self.may_give(call) => Ok(Some(Effect::Gives(cookie))),
            SetCookie::Gives(cookie) => Err((Rule::LateCookie, format!("it must not set cookie {cookie}"))),
            SetCookie::Reissues(cookie) if self.may_reissue(call, cookie) => Ok(Some(Effect::Gives(cookie))),
            SetCookie::Reissues(cookie) => {
                Err((Rule::LateCookie, format!("it must not reissue cookie {cookie}")))
            }
            SetCookie::Removes if may_remove(call) => Ok(Some(Effect::Empties)),
            SetCookie::Removes => Err((Rule::LateCookie, "it must not remove the cookie".to_owned())),
        }
    }

    fn may_give(&self, call: &Call) -> bool {
        match call.operation {
            // If it is uncertain whether the session has moved, it exists under the new cookie, too.
            Operation::Renew => call.is_done() || call.is_uncertain(),
            Operation::Login => call.is_done(),
            Operation::Note => call.is_done() && self.may_begin_session(call),
            Operation::Visit | Operation::Read | Operation::Logout => false,
        }
    }

    /// Whether a write may begin a session: not under a cookie whose session exists, nor while its tombstone exists, because then the
    /// request is late.
    fn may_begin_session(&self, call: &Call) -> bool {
        let Some(cookie) = call.cookie else { return true };
        let mut possible = self.endings.possible(self.calls, self.lineage, cookie, call.end);
        possible.any(|ending| self.calls[ending].start + TOMBSTONE_TTL <= call.end)
    }

    /// Only the cookie that was sent, and only while its session exists. The node queries the servers first, so an outdated cache is no
    /// excuse. The outcome of the change does not matter.
    fn may_reissue(&self, call: &Call, cookie: CookieNumber) -> bool {
        let mut ended = self.endings.certain(self.calls, self.lineage, self.accounts, cookie);
        let uses_session = matches!(call.operation, Operation::Visit | Operation::Note | Operation::Read);
        uses_session
            && call.outcome != Outcome::Unauthorized
            && call.cookie == Some(cookie)
            && !ended.any(|ending| ending.end < call.start)
    }
}

/// Also if the servers are unavailable: the session has ended on the node, which repeats the delete later.
fn may_remove(call: &Call) -> bool {
    call.operation == Operation::Logout && !call.is_rejected() && call.cookie.is_some()
}

/// The missing change of a response that left the jar unchanged.
fn missing(call: &Call) -> Option<&'static str> {
    match (call.operation, call.cookie) {
        _ if !call.is_done() => None,
        (Operation::Login | Operation::Renew, _) => Some("a login set no cookie"),
        (Operation::Note, None) => Some("a first visit set no cookie"),
        (Operation::Logout, Some(_)) => Some("a logout did not remove the cookie"),
        _ => None,
    }
}
