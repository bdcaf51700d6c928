//! The steps for a session when the handler has responded: a table from facts to steps.

use crate::keys::KeyAge;

/// The facts that are known when the handler has responded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Facts {
    /// The valid cookie that came with the request, by the age of its key; any cookie, if the session is to end.
    pub cookie: Option<KeyAge>,
    /// The state of the session under the id in that cookie.
    pub session: SessionState,
    /// The handler's change.
    pub intent: Intent,
}

/// The state of the session under an id.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SessionState {
    /// The session.
    Live,
    /// There is no session, and no trace of an earlier one.
    #[default]
    Absent,
    /// The session has recently ended.
    Ended,
    /// The session has recently moved to another id.
    Moved,
}

/// The change of a handler to its session. Changes and renewals before a destroy are discarded with the session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Intent {
    /// It read, at most.
    Keep,
    /// It changed the data.
    Change,
    /// It renewed the session, with or without changed data.
    Renew {
        /// Whether it changed the data, too.
        change: bool,
    },
    /// It gave the session, which had no subject, a subject.
    LogIn,
    /// It replaced the subject of the session by another one, which therefore gets another session.
    Switch,
    /// It ended the session.
    Destroy,
    /// It ended the session, and then changed the data, which therefore belong to another session.
    Replace,
}

/// The command for the store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StoreStep {
    /// Nothing.
    Nothing,
    /// Nothing, and the request fails: its session has ended.
    RejectEnded,
    /// Nothing, and the request fails: its session has moved to another id.
    RejectMoved,
    /// Make sure that the session is there, sealed under the current key.
    Confirm,
    /// Save under a new id; there is no old record.
    Create,
    /// Save under a new id, then delete the old record.
    CreateThenDelete,
    /// Replace the record that was read, if it has not changed.
    Save,
    /// Save under a new id, then replace the old record with a tombstone.
    Renew,
    /// Delete the record.
    Delete,
    /// Delete the record, then save under a new id.
    DeleteThenCreate,
}

/// The change of the cookie, provided that the store step succeeds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CookieStep {
    /// Nothing: the browser has the cookie, or should have none.
    Nothing,
    /// Send it, with the session's id, signed with the current key.
    Set,
    /// Remove it from the browser.
    Remove,
}

/// The steps that follow from the facts.
///
/// A session that was changed but does not exist is created under a new id: an id from a cookie is never adopted. Where the session has
/// recently ended or moved, the request is a late one, and its cookie would replace a newer one, for example that of a login: it creates
/// nothing, unless it is a login itself. For the same reason, a cookie is removed only where the handler has ended the session.
#[must_use]
pub fn plan(facts: Facts) -> (StoreStep, CookieStep) {
    use SessionState::{Absent, Ended, Live, Moved};

    let Facts { cookie, session, intent } = facts;
    let is_outdated = cookie == Some(KeyAge::Other);
    let reissue = if is_outdated { CookieStep::Set } else { CookieStep::Nothing };
    let remove = if cookie.is_some() { CookieStep::Remove } else { CookieStep::Nothing };
    match (intent, session) {
        (Intent::Keep, Live) if is_outdated => (StoreStep::Confirm, CookieStep::Set),
        (Intent::Keep, Live) => (StoreStep::Nothing, CookieStep::Nothing),
        (Intent::Keep | Intent::Renew { change: false }, Absent | Ended | Moved) => {
            (StoreStep::Nothing, CookieStep::Nothing)
        }
        (Intent::Change, Live) => (StoreStep::Save, reissue),
        (Intent::Change | Intent::Renew { change: true }, Ended) => {
            (StoreStep::RejectEnded, CookieStep::Nothing)
        }
        (Intent::Change | Intent::Renew { change: true }, Moved) => {
            (StoreStep::RejectMoved, CookieStep::Nothing)
        }
        (Intent::Change | Intent::Renew { change: true }, Absent)
        | (Intent::LogIn | Intent::Switch | Intent::Replace, Absent | Ended | Moved) => {
            (StoreStep::Create, CookieStep::Set)
        }
        (Intent::Renew { .. } | Intent::LogIn, Live) => (StoreStep::Renew, CookieStep::Set),
        (Intent::Switch, Live) => (StoreStep::CreateThenDelete, CookieStep::Set),
        (Intent::Destroy, Live) => (StoreStep::Delete, remove),
        (Intent::Destroy, Absent | Ended | Moved) => (StoreStep::Nothing, remove),
        (Intent::Replace, Live) => (StoreStep::DeleteThenCreate, CookieStep::Set),
    }
}

#[cfg(test)]
mod tests {
    use super::SessionState::{Absent, Ended, Live, Moved};
    use super::*;

    const CURRENT: Option<KeyAge> = Some(KeyAge::Current);
    const OTHER: Option<KeyAge> = Some(KeyAge::Other);
    const NOTHING: (StoreStep, CookieStep) = (StoreStep::Nothing, CookieStep::Nothing);

    #[track_caller]
    fn check(
        cookie: Option<KeyAge>,
        session: SessionState,
        intent: Intent,
        expected: (StoreStep, CookieStep),
    ) {
        let facts = Facts { cookie, session, intent };
        assert_eq!(plan(facts), expected, "{facts:?}");
    }

    #[test]
    fn a_visitor_that_stores_nothing_leaves_nothing() {
        for intent in [Intent::Keep, Intent::Renew { change: false }, Intent::Destroy] {
            check(None, Absent, intent, NOTHING);
        }
        for cookie in [CURRENT, OTHER] {
            for session in [Absent, Ended, Moved] {
                check(cookie, session, Intent::Keep, NOTHING);
            }
        }
    }

    #[test]
    fn the_first_change_creates_a_session_under_a_new_id() {
        for cookie in [None, CURRENT, OTHER] {
            for intent in [Intent::Change, Intent::Renew { change: true }, Intent::LogIn, Intent::Replace] {
                check(cookie, Absent, intent, (StoreStep::Create, CookieStep::Set));
            }
        }
    }

    #[test]
    fn an_existing_session_is_read_saved_renewed_and_deleted() {
        check(CURRENT, Live, Intent::Keep, NOTHING);
        check(CURRENT, Live, Intent::Change, (StoreStep::Save, CookieStep::Nothing));
        for intent in [Intent::Renew { change: false }, Intent::Renew { change: true }, Intent::LogIn] {
            check(CURRENT, Live, intent, (StoreStep::Renew, CookieStep::Set));
        }
        check(CURRENT, Live, Intent::Switch, (StoreStep::CreateThenDelete, CookieStep::Set));
        check(CURRENT, Live, Intent::Destroy, (StoreStep::Delete, CookieStep::Remove));
        check(CURRENT, Live, Intent::Replace, (StoreStep::DeleteThenCreate, CookieStep::Set));
    }

    /// K1
    #[test]
    fn k1_a_late_change_creates_nothing_and_sets_no_cookie() {
        for cookie in [CURRENT, OTHER] {
            for intent in [Intent::Change, Intent::Renew { change: true }] {
                check(cookie, Ended, intent, (StoreStep::RejectEnded, CookieStep::Nothing));
                check(cookie, Moved, intent, (StoreStep::RejectMoved, CookieStep::Nothing));
            }
        }
    }

    #[test]
    fn a_login_is_never_rejected() {
        for session in [Absent, Ended, Moved] {
            for intent in [Intent::LogIn, Intent::Switch, Intent::Replace] {
                check(CURRENT, session, intent, (StoreStep::Create, CookieStep::Set));
            }
        }
    }

    #[test]
    fn a_cookie_under_another_key_is_issued_again_for_a_session_that_is_there() {
        check(OTHER, Live, Intent::Keep, (StoreStep::Confirm, CookieStep::Set));
        check(OTHER, Live, Intent::Change, (StoreStep::Save, CookieStep::Set));
        check(OTHER, Live, Intent::Destroy, (StoreStep::Delete, CookieStep::Remove));
    }

    #[test]
    fn ending_a_session_that_is_gone_still_removes_its_cookie() {
        for session in [Absent, Ended, Moved] {
            check(CURRENT, session, Intent::Destroy, (StoreStep::Nothing, CookieStep::Remove));
        }
    }
}
