//! What to do about a session after the handler: a table from facts to steps.

use crate::keys::KeyAge;

/// What is known when the handler has answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Exchange {
    /// The valid cookie that came with the request, by the age of its key. Where the session is to end, any cookie that came.
    pub cookie: Option<KeyAge>,
    /// Whether that cookie's session exists.
    pub found: bool,
    /// What the handler asked for.
    pub intent: Intent,
}

/// What a handler asked for. Changes and renewing before a destroy are forgotten with the session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Intent {
    /// It read, at most.
    Keep,
    /// It changed the data.
    Change,
    /// It wants another id for the session, with or without changed data.
    Renew {
        /// Whether it changed the data too.
        change: bool,
    },
    /// It ended the session.
    Destroy,
    /// It ended the session, then changed the data of what is therefore another session.
    Replace,
}

/// What to do with the store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StoreStep {
    /// Nothing.
    Nothing,
    /// Save under a new id; there is no old record.
    Create,
    /// Save over the record that was read, if it is still that revision.
    Save,
    /// Save under a new id, then delete the old record.
    Renew,
    /// Delete the record.
    Delete,
    /// Delete the record, then save under a new id.
    DeleteThenCreate,
}

/// What to do with the cookie, provided that the store step succeeds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CookieStep {
    /// Nothing: the browser has it, or should have none.
    Nothing,
    /// Send it, with the session's id under the key that signs.
    Set,
    /// Have the browser forget it.
    Remove,
}

/// The steps that follow from an exchange.
///
/// A session that was changed but does not exist is created under a new id, whatever cookie came along: an id
/// that the server did not just make is never adopted. A cookie whose session does not exist stays as it is
/// unless the handler ended the session: the response to a parallel request may just have replaced it.
#[must_use]
pub fn plan(exchange: Exchange) -> (StoreStep, CookieStep) {
    let Exchange { cookie, found, intent } = exchange;
    let reissue = if cookie == Some(KeyAge::Other) { CookieStep::Set } else { CookieStep::Nothing };
    let remove = if cookie.is_some() { CookieStep::Remove } else { CookieStep::Nothing };
    match (intent, found) {
        (Intent::Keep, true) => (StoreStep::Nothing, reissue),
        (Intent::Keep | Intent::Renew { change: false }, false) => (StoreStep::Nothing, CookieStep::Nothing),
        (Intent::Change, true) => (StoreStep::Save, reissue),
        (Intent::Change | Intent::Replace | Intent::Renew { change: true }, false) => {
            (StoreStep::Create, CookieStep::Set)
        }
        (Intent::Renew { .. }, true) => (StoreStep::Renew, CookieStep::Set),
        (Intent::Destroy, true) => (StoreStep::Delete, remove),
        (Intent::Destroy, false) => (StoreStep::Nothing, remove),
        (Intent::Replace, true) => (StoreStep::DeleteThenCreate, CookieStep::Set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: Option<KeyAge> = Some(KeyAge::Current);
    const OTHER: Option<KeyAge> = Some(KeyAge::Other);

    #[track_caller]
    fn check(cookie: Option<KeyAge>, found: bool, intent: Intent, expected: (StoreStep, CookieStep)) {
        let exchange = Exchange { cookie, found, intent };
        assert_eq!(plan(exchange), expected, "{exchange:?}");
    }

    #[test]
    fn a_visitor_who_stores_nothing_leaves_nothing() {
        let nothing = (StoreStep::Nothing, CookieStep::Nothing);
        for intent in [Intent::Keep, Intent::Renew { change: false }, Intent::Destroy] {
            check(None, false, intent, nothing);
        }
        check(CURRENT, false, Intent::Keep, nothing);
        check(OTHER, false, Intent::Keep, nothing);
    }

    #[test]
    fn the_first_change_creates_a_session_under_a_new_id() {
        for cookie in [None, CURRENT, OTHER] {
            for intent in [Intent::Change, Intent::Renew { change: true }, Intent::Replace] {
                check(cookie, false, intent, (StoreStep::Create, CookieStep::Set));
            }
        }
    }

    #[test]
    fn an_existing_session_is_read_saved_renewed_and_deleted() {
        check(CURRENT, true, Intent::Keep, (StoreStep::Nothing, CookieStep::Nothing));
        check(CURRENT, true, Intent::Change, (StoreStep::Save, CookieStep::Nothing));
        check(CURRENT, true, Intent::Renew { change: false }, (StoreStep::Renew, CookieStep::Set));
        check(CURRENT, true, Intent::Renew { change: true }, (StoreStep::Renew, CookieStep::Set));
        check(CURRENT, true, Intent::Destroy, (StoreStep::Delete, CookieStep::Remove));
        check(CURRENT, true, Intent::Replace, (StoreStep::DeleteThenCreate, CookieStep::Set));
    }

    #[test]
    fn a_cookie_under_another_key_is_issued_anew() {
        check(OTHER, true, Intent::Keep, (StoreStep::Nothing, CookieStep::Set));
        check(OTHER, true, Intent::Change, (StoreStep::Save, CookieStep::Set));
        check(OTHER, true, Intent::Destroy, (StoreStep::Delete, CookieStep::Remove));
    }

    #[test]
    fn ending_a_session_that_is_gone_still_removes_its_cookie() {
        check(CURRENT, false, Intent::Destroy, (StoreStep::Nothing, CookieStep::Remove));
    }
}
