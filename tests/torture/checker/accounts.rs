use super::endings::Endings;
use super::lineage::Lineage;
use super::uncertain::UncertainUpdates;
use super::{Rule, Violation};
use crate::history::{Call, CookieNumber, Moment, Operation};

/// Which cookies belong to the same data.
///
/// A renewal gives the session another cookie. But if the session had ended already, the same request is a login, and its cookie belongs
/// to a new, empty session. If both are possible, because another call may have ended the session before, later reads under the new
/// cookie or its successors decide: a new session shows only the updates that were made under its own cookies.
#[derive(Debug)]
pub(super) struct Accounts<'h> {
    lineage: &'h Lineage,
    cookies: Vec<Cookie>,
}

#[derive(Clone, Copy, Debug)]
struct Cookie {
    /// The call that set it.
    origin: usize,
    parent: Option<CookieNumber>,
    /// The first cookie for the same data.
    account: CookieNumber,
    /// The start of its request, if the response did not show whether the session has moved. Later updates under the parent become visible
    /// here with a delay; if another renewal may have been faster, earlier ones may never become visible.
    uncertain_from: Option<Moment>,
    /// Whether it is unknown if there was a session to renew.
    contested: bool,
}

impl<'h> Accounts<'h> {
    pub(super) fn of(calls: &[Call], lineage: &'h Lineage, endings: &Endings) -> Self {
        let mut accounts = Self { lineage, cookies: Vec::new() };
        for (number, origin) in lineage.cookies() {
            let (renewal, parent) = (&calls[origin.call], origin.parent);
            let contested = parent.is_some_and(|parent| {
                endings.possible(calls, lineage, parent, renewal.end).any(|ending| ending != origin.call)
            });
            let moved = parent.filter(|_| !contested || holds_more_than_its_own(calls, lineage, number));
            let account = moved.and_then(|parent| accounts.account(parent)).unwrap_or(number);
            let since = if contested { Moment::ZERO } else { renewal.start };
            let uncertain_from = renewal.is_uncertain().then_some(since);
            accounts.cookies.push(Cookie { origin: origin.call, parent, account, uncertain_from, contested });
        }
        accounts
    }

    /// Whether updates under `earlier` are visible under `later`.
    pub(super) fn leads_to(&self, earlier: CookieNumber, later: CookieNumber) -> bool {
        self.account(earlier) == self.account(later)
            && self
                .lineage
                .path(later)
                .take_while(|number| *number >= earlier)
                .any(|number| number == earlier)
    }

    /// The first cookie for the same data.
    pub(super) fn account(&self, number: CookieNumber) -> Option<CookieNumber> {
        self.cookies.get(number).map(|cookie| cookie.account)
    }

    /// Whether an update under `earlier` that ended at `moment` must be visible under `later` within the bound: not if it was unknown then
    /// whether the session had moved.
    pub(super) fn is_visible_in_time(
        &self,
        earlier: CookieNumber,
        moment: Moment,
        later: CookieNumber,
    ) -> bool {
        let path = self.lineage.path(later).take_while(|number| *number > earlier);
        let mut cookies = path.filter_map(|number| self.cookies.get(number));
        !cookies.any(|cookie| cookie.uncertain_from.is_some_and(|from| moment >= from))
    }

    pub(super) fn violations(
        &self,
        calls: &[Call],
        endings: &Endings,
        uncertain: &UncertainUpdates,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        for parent in 0..self.cookies.len() {
            violations.extend(self.check_children(calls, endings, uncertain, parent));
        }
        violations
    }

    /// Of all renewals of one cookie, only one moves the session, and none after its end.
    fn check_children(
        &self,
        calls: &[Call],
        endings: &Endings,
        uncertain: &UncertainUpdates,
        parent: CookieNumber,
    ) -> Vec<Violation> {
        let children: Vec<(CookieNumber, &Cookie)> =
            self.cookies.iter().enumerate().filter(|(_, cookie)| cookie.parent == Some(parent)).collect();
        let moved: Vec<_> =
            children.iter().filter(|(number, _)| self.leads_to(parent, *number)).copied().collect();
        let mut violations = Vec::new();
        for (number, cookie) in &moved {
            let renewal = &calls[cookie.origin];
            let mut ended = endings.certain(calls, self.lineage, self, parent);
            if ended.any(|ended| ended.operation == Operation::Logout && ended.end < renewal.start) {
                let text =
                    format!("cookie {parent} was logged out, but its data exist under cookie {number}");
                violations.push(Violation { rule: Rule::Resurrected, call: cookie.origin, text });
            }
        }
        // An uncertain renewal may exist for a while in addition to another one.
        let certain: Vec<_> = moved.iter().filter(|(_, cookie)| cookie.uncertain_from.is_none()).collect();
        if let [(first, _), (second, cookie), ..] = &certain[..] {
            let text = format!("cookie {parent} became cookie {first} and cookie {second}");
            violations.push(Violation { rule: Rule::Forked, call: cookie.origin, text });
        }
        let held = self.held(calls, uncertain, parent, &children);
        if let ([(_, first), ..], []) = (&children[..], &moved[..])
            && self.one_must_have_moved(calls, endings, parent, &children, held)
        {
            let text = format!("cookie {parent} was renewed, but no new cookie has its data");
            violations.push(Violation { rule: Rule::LostUpdate, call: first.origin, text });
        }
        violations
    }

    /// The number of updates before these renewals that must not be missing.
    fn held(
        &self,
        calls: &[Call],
        uncertain: &UncertainUpdates,
        parent: CookieNumber,
        children: &[(CookieNumber, &Cookie)],
    ) -> u64 {
        let first_renewal = children.iter().map(|(_, cookie)| calls[cookie.origin].start).min();
        let held = calls.iter().enumerate().filter(|(place, call)| {
            call.operation == Operation::Visit
                && call.is_done()
                && !uncertain.has(*place)
                && first_renewal.is_some_and(|first| call.end < first)
                && call.cookie.is_some_and(|cookie| self.leads_to(cookie, parent))
        });
        held.count() as u64
    }

    /// Whether only these renewals can have ended the session under `parent`, which had `held` updates, and every new cookie showed fewer.
    fn one_must_have_moved(
        &self,
        calls: &[Call],
        endings: &Endings,
        parent: CookieNumber,
        children: &[(CookieNumber, &Cookie)],
        held: u64,
    ) -> bool {
        let Some(last) = children.iter().map(|(_, cookie)| calls[cookie.origin].end).max() else {
            return false;
        };
        let mut possible = endings.possible(calls, self.lineage, parent, last);
        let only_these = possible.all(|ending| children.iter().any(|(_, cookie)| cookie.origin == ending));
        let none_has_it = children.iter().all(|(number, cookie)| {
            let own = |call: &Call| u64::from(call.operation == Operation::Visit);
            cookie.uncertain_from.is_none()
                && cookie.contested
                && calls.iter().any(|call| reads(call, *number).is_some_and(|shown| shown < held + own(call)))
        });
        only_these && none_has_it
    }
}

/// Whether a read under `number`, or under a successor of it, showed more updates than were requested under these cookies.
fn holds_more_than_its_own(calls: &[Call], lineage: &Lineage, number: CookieNumber) -> bool {
    let own = |path: &[CookieNumber], before: Moment| {
        let visits = calls.iter().filter(|call| {
            call.operation == Operation::Visit
                && !call.is_rejected()
                && call.start < before
                && call.cookie.is_some_and(|cookie| path.contains(&cookie))
        });
        visits.count() as u64
    };
    calls.iter().any(|call| {
        let Some((cookie, visits)) = call.cookie.and_then(|cookie| Some((cookie, reads(call, cookie)?)))
        else {
            return false;
        };
        let path: Vec<_> = lineage.path(cookie).take_while(|other| *other >= number).collect();
        path.last() == Some(&number) && visits > own(&path, call.end)
    })
}

/// The number of updates that a call showed under `number`.
fn reads(call: &Call, number: CookieNumber) -> Option<u64> {
    let looked = matches!(call.operation, Operation::Read | Operation::Visit);
    call.done().filter(|_| looked && call.cookie == Some(number))?.visits
}
