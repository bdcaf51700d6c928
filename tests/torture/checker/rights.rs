use super::Rule;
use super::accounts::Accounts;
use super::endings::{Endings, TOMBSTONE_TTL};
use super::lineage::Lineage;
use crate::history::{Call, Label, Operation, Outcome, SetCookie};

/// What an answer makes of the jar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    Gives(Label),
    Empties,
}

/// Knows which answers have the right to change the jar.
///
/// A cookie is given by a login, and by the first write of a visitor without a session. It is issued anew for a session that is there. It is
/// removed by a logout. All other answers, and those that refuse, leave the jar alone.
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
    /// When it did what it had no right to, or did not do what it should have done.
    pub(super) fn of(&self, call: &Call) -> Result<Option<Effect>, (Rule, String)> {
        match call.set_cookie {
            SetCookie::Nothing => match missing(call) {
                None => Ok(None),
                Some(text) => Err((Rule::Unexpected, text.to_owned())),
            },
            SetCookie::Gives(cookie) if self.may_give(call) => Ok(Some(Effect::Gives(cookie))),
            SetCookie::Gives(cookie) => Err((Rule::LateCookie, format!("it must not give cookie {cookie}"))),
            SetCookie::Reissues(cookie) if self.may_reissue(call, cookie) => Ok(Some(Effect::Gives(cookie))),
            SetCookie::Reissues(cookie) => {
                Err((Rule::LateCookie, format!("it must not issue cookie {cookie} anew")))
            }
            SetCookie::Removes if may_remove(call) => Ok(Some(Effect::Empties)),
            SetCookie::Removes => Err((Rule::LateCookie, "it must not remove the cookie".to_owned())),
        }
    }

    fn may_give(&self, call: &Call) -> bool {
        match call.operation {
            // It is uncertain whether the session has moved, so it is there under the new cookie, too.
            Operation::Renew => call.is_done() || call.is_uncertain(),
            Operation::Login => call.is_done(),
            Operation::Note => call.is_done() && self.may_begin_session(call),
            Operation::Visit | Operation::Read | Operation::Logout => false,
        }
    }

    /// Whether a write may begin a session: not under a cookie whose session is there, and not as long as the servers know that it has
    /// ended or moved, because the request is a late one then.
    fn may_begin_session(&self, call: &Call) -> bool {
        let Some(cookie) = call.cookie else { return true };
        let mut possible = self.endings.possible(self.calls, self.lineage, cookie, call.end);
        possible.any(|ending| self.calls[ending].start + TOMBSTONE_TTL <= call.end)
    }

    /// Only the cookie that was sent, and only while its session is there: the servers are asked, so an outdated cache is no excuse. A
    /// change that failed does not matter.
    fn may_reissue(&self, call: &Call, cookie: Label) -> bool {
        let mut ended = self.endings.certain(self.calls, self.lineage, self.accounts, cookie);
        let uses_session = matches!(call.operation, Operation::Visit | Operation::Note | Operation::Read);
        uses_session
            && call.outcome != Outcome::Refused
            && call.cookie == Some(cookie)
            && !ended.any(|ending| ending.end < call.start)
    }
}

/// Where the servers could not be told, the session is over on the node, which tells them later.
fn may_remove(call: &Call) -> bool {
    call.operation == Operation::Logout && !call.is_rejected() && call.cookie.is_some()
}

/// What the answer should have done to the jar, which it left alone.
fn missing(call: &Call) -> Option<&'static str> {
    match (call.operation, call.cookie) {
        _ if !call.is_done() => None,
        (Operation::Login | Operation::Renew, _) => Some("a login gave no cookie"),
        (Operation::Note, None) => Some("a first visit gave no cookie"),
        (Operation::Logout, Some(_)) => Some("a logout left the cookie there"),
        _ => None,
    }
}
