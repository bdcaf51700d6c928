use super::doubts::Doubtful;
use super::endings::Endings;
use super::{Rule, Violation};
use crate::history::{Call, Label, Moment, Operation};

/// Which cookies stand for the same data.
///
/// A renewal gives the session another cookie. But when the session was over already, the same request is a login,
/// and its cookie stands for a new, empty session. Where an outsider cannot tell which it was, because something else
/// may have ended the session before, what is read under the new cookie tells: a new session shows no more updates
/// than were made under its own cookie.
#[derive(Debug)]
pub(super) struct Accounts {
    cookies: Vec<Cookie>,
}

#[derive(Clone, Copy, Debug)]
struct Cookie {
    /// The call that gave it.
    origin: usize,
    parent: Option<Label>,
    /// The first cookie for the same data.
    account: Label,
    /// When it was asked for, if it came with an answer that left open whether the session has moved. What is done under
    /// the parent from then on shows here only later.
    uncertain_from: Option<Moment>,
    /// Whether it was unclear whether there was something to renew.
    contested: bool,
}

impl Accounts {
    pub(super) fn of(calls: &[Call], endings: &Endings) -> Self {
        let mut given: Vec<_> =
            calls.iter().enumerate().filter_map(|(origin, call)| Some((call.given()?, origin))).collect();
        given.sort_unstable();
        let mut accounts = Self { cookies: Vec::with_capacity(given.len()) };
        for (label, origin) in given {
            let renewal = &calls[origin];
            let parent = renewal.cookie;
            let contested = parent.is_some_and(|parent| endings.possible(calls, parent, renewal.end, origin));
            let moved = parent.filter(|_| !contested || holds_more_than_its_own(calls, label));
            let account = moved.and_then(|parent| accounts.cookies.get(parent)).map(|parent| parent.account);
            let account = account.unwrap_or(label);
            let uncertain_from = renewal.is_uncertain().then_some(renewal.start);
            accounts.cookies.push(Cookie { origin, parent, account, uncertain_from, contested });
        }
        accounts
    }

    /// Whether what is done under `earlier` shows under `later`.
    pub(super) fn leads_to(&self, earlier: Label, later: Label) -> bool {
        earlier <= later && self.account(earlier) == self.account(later)
    }

    /// The first cookie for the same data.
    pub(super) fn account(&self, label: Label) -> Option<Label> {
        self.cookies.get(label).map(|cookie| cookie.account)
    }

    /// Whether what was done under `earlier` until `moment` must show under `later` by the usual time: not if the session
    /// was on its way then, and nobody knew.
    pub(super) fn shows_in_time(&self, earlier: Label, moment: Moment, later: Label) -> bool {
        let mut label = later;
        while label > earlier {
            let Some(cookie) = self.cookies.get(label) else { return true };
            if cookie.uncertain_from.is_some_and(|from| moment >= from) {
                return false;
            }
            let Some(parent) = cookie.parent else { return true };
            label = parent;
        }
        true
    }

    /// Whether the session under this cookie may be ended by what ends it under the cookie before.
    pub(super) fn depends_on(&self, label: Label) -> Option<(Label, usize)> {
        let cookie = self.cookies.get(label).filter(|cookie| cookie.uncertain_from.is_some())?;
        Some((cookie.parent?, cookie.origin))
    }

    pub(super) fn violations(
        &self,
        calls: &[Call],
        endings: &Endings,
        doubtful: &Doubtful,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        for parent in 0..self.cookies.len() {
            violations.extend(self.check_children(calls, endings, doubtful, parent));
        }
        violations
    }

    /// Of all renewals of one cookie, one moves the session, and none after its end.
    fn check_children(
        &self,
        calls: &[Call],
        endings: &Endings,
        doubtful: &Doubtful,
        parent: Label,
    ) -> Vec<Violation> {
        let children: Vec<(Label, &Cookie)> =
            self.cookies.iter().enumerate().filter(|(_, cookie)| cookie.parent == Some(parent)).collect();
        let moved: Vec<_> =
            children.iter().filter(|(label, _)| self.leads_to(parent, *label)).copied().collect();
        let mut violations = Vec::new();
        for (label, cookie) in &moved {
            let renewal = &calls[cookie.origin];
            let ended = endings.certain(calls, parent, renewal.start);
            if ended.is_some_and(|ended| ended.operation == Operation::Logout) {
                let text =
                    format!("cookie {parent} was logged out, and its data live on under cookie {label}");
                violations.push(Violation { rule: Rule::Resurrected, call: cookie.origin, text });
            }
        }
        // One that is uncertain may be there for a while beside another.
        let certain: Vec<_> = moved.iter().filter(|(_, cookie)| cookie.uncertain_from.is_none()).collect();
        if let [(first, _), (second, cookie), ..] = &certain[..] {
            let text = format!("cookie {parent} became cookie {first} and cookie {second}");
            violations.push(Violation { rule: Rule::Forked, call: cookie.origin, text });
        }
        if let ([(_, first), ..], []) = (&children[..], &moved[..])
            && self.held_something(calls, doubtful, parent, &children)
            && one_must_have_moved(calls, endings, parent, &children)
        {
            let text = format!("cookie {parent} was renewed, and no new cookie has its data");
            violations.push(Violation { rule: Rule::LostUpdate, call: first.origin, text });
        }
        violations
    }

    /// Whether an update was made before these renewals that cannot be missing.
    fn held_something(
        &self,
        calls: &[Call],
        doubtful: &Doubtful,
        parent: Label,
        children: &[(Label, &Cookie)],
    ) -> bool {
        let first_renewal = children.iter().map(|(_, cookie)| calls[cookie.origin].start).min();
        calls.iter().enumerate().any(|(place, call)| {
            call.operation == Operation::Visit
                && call.is_done()
                && !doubtful.has(place)
                && first_renewal.is_some_and(|first| call.end < first)
                && call.cookie.is_some_and(|cookie| self.leads_to(cookie, parent))
        })
    }
}

/// Whether only these renewals can have ended the session under `parent`, and it was looked for under every new
/// cookie.
fn one_must_have_moved(
    calls: &[Call],
    endings: &Endings,
    parent: Label,
    children: &[(Label, &Cookie)],
) -> bool {
    let Some(last) = children.iter().map(|(_, cookie)| calls[cookie.origin].end).max() else {
        return false;
    };
    let only_these = endings.of_cookie(calls, parent).all(|(place, ending)| {
        ending.start > last || children.iter().any(|(_, cookie)| cookie.origin == place)
    });
    let all_read = children.iter().all(|(label, cookie)| {
        cookie.uncertain_from.is_none()
            && cookie.contested
            && calls.iter().any(|call| reads(call, *label).is_some())
    });
    only_these && all_read
}

/// Whether a read under `label` showed more updates than had been asked for under it.
fn holds_more_than_its_own(calls: &[Call], label: Label) -> bool {
    let own = |before: Moment| {
        let visits = calls.iter().filter(|call| {
            call.cookie == Some(label) && call.operation == Operation::Visit && call.start < before
        });
        visits.count() as u64
    };
    calls.iter().any(|call| reads(call, label).is_some_and(|visits| visits > own(call.end)))
}

/// What a call showed of the session under `label`.
fn reads(call: &Call, label: Label) -> Option<u64> {
    let looked = matches!(call.operation, Operation::Read | Operation::Visit);
    call.done().filter(|_| looked && call.cookie == Some(label))?.visits
}
