use super::doubts::Doubtful;
use super::endings::Endings;
use super::lineage::Lineage;
use super::{Rule, Violation};
use crate::history::{Call, Label, Moment, Operation};

/// Which cookies stand for the same data.
///
/// A renewal gives the session another cookie. But when the session was over already, the same request is a login,
/// and its cookie stands for a new, empty session. Where the calls leave open which of the two it was, because another call
/// may have ended the session before, later reads tell, under the new cookie or one that came of it: a new session shows no more
/// updates than were made under its own cookies.
#[derive(Debug)]
pub(super) struct Accounts<'h> {
    lineage: &'h Lineage,
    cookies: Vec<Cookie>,
}

#[derive(Clone, Copy, Debug)]
struct Cookie {
    /// The call that gave it.
    origin: usize,
    parent: Option<Label>,
    /// The first cookie for the same data.
    account: Label,
    /// The start of its request, if the answer left open whether the session has moved. Later updates under the parent show here with a
    /// delay; where another renewal may have been faster, earlier ones may never show.
    uncertain_from: Option<Moment>,
    /// Whether it was unclear whether there was something to renew.
    contested: bool,
}

impl<'h> Accounts<'h> {
    pub(super) fn of(calls: &[Call], lineage: &'h Lineage, endings: &Endings) -> Self {
        let mut accounts = Self { lineage, cookies: Vec::new() };
        for (label, origin) in lineage.cookies() {
            let (renewal, parent) = (&calls[origin.call], origin.parent);
            let contested = parent.is_some_and(|parent| {
                endings.possible(calls, lineage, parent, renewal.end).any(|ending| ending != origin.call)
            });
            let moved = parent.filter(|_| !contested || holds_more_than_its_own(calls, lineage, label));
            let account = moved.and_then(|parent| accounts.account(parent)).unwrap_or(label);
            let since = if contested { Moment::ZERO } else { renewal.start };
            let uncertain_from = renewal.is_uncertain().then_some(since);
            accounts.cookies.push(Cookie { origin: origin.call, parent, account, uncertain_from, contested });
        }
        accounts
    }

    /// Whether updates under `earlier` show under `later`.
    pub(super) fn leads_to(&self, earlier: Label, later: Label) -> bool {
        self.account(earlier) == self.account(later)
            && self.lineage.path(later).take_while(|label| *label >= earlier).any(|label| label == earlier)
    }

    /// The first cookie for the same data.
    pub(super) fn account(&self, label: Label) -> Option<Label> {
        self.cookies.get(label).map(|cookie| cookie.account)
    }

    /// Whether an update under `earlier` that ended at `moment` must show under `later` within the bound: not if it was unknown then whether
    /// the session had moved.
    pub(super) fn shows_in_time(&self, earlier: Label, moment: Moment, later: Label) -> bool {
        let path = self.lineage.path(later).take_while(|label| *label > earlier);
        let mut cookies = path.filter_map(|label| self.cookies.get(label));
        !cookies.any(|cookie| cookie.uncertain_from.is_some_and(|from| moment >= from))
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
            let mut ended = endings.certain(calls, self.lineage, self, parent);
            if ended.any(|ended| ended.operation == Operation::Logout && ended.end < renewal.start) {
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
        let held = self.held(calls, doubtful, parent, &children);
        if let ([(_, first), ..], []) = (&children[..], &moved[..])
            && self.one_must_have_moved(calls, endings, parent, &children, held)
        {
            let text = format!("cookie {parent} was renewed, and no new cookie has its data");
            violations.push(Violation { rule: Rule::LostUpdate, call: first.origin, text });
        }
        violations
    }

    /// How many updates were made before these renewals that cannot be missing.
    fn held(&self, calls: &[Call], doubtful: &Doubtful, parent: Label, children: &[(Label, &Cookie)]) -> u64 {
        let first_renewal = children.iter().map(|(_, cookie)| calls[cookie.origin].start).min();
        let held = calls.iter().enumerate().filter(|(place, call)| {
            call.operation == Operation::Visit
                && call.is_done()
                && !doubtful.has(*place)
                && first_renewal.is_some_and(|first| call.end < first)
                && call.cookie.is_some_and(|cookie| self.leads_to(cookie, parent))
        });
        held.count() as u64
    }

    /// Whether only these renewals can have ended the session under `parent`, which `held` so many updates, and there were fewer under
    /// every new cookie.
    fn one_must_have_moved(
        &self,
        calls: &[Call],
        endings: &Endings,
        parent: Label,
        children: &[(Label, &Cookie)],
        held: u64,
    ) -> bool {
        let Some(last) = children.iter().map(|(_, cookie)| calls[cookie.origin].end).max() else {
            return false;
        };
        let mut possible = endings.possible(calls, self.lineage, parent, last);
        let only_these = possible.all(|ending| children.iter().any(|(_, cookie)| cookie.origin == ending));
        let none_has_it = children.iter().all(|(label, cookie)| {
            let own = |call: &Call| u64::from(call.operation == Operation::Visit);
            cookie.uncertain_from.is_none()
                && cookie.contested
                && calls.iter().any(|call| reads(call, *label).is_some_and(|shown| shown < held + own(call)))
        });
        only_these && none_has_it
    }
}

/// Whether a read under `label`, or under a cookie that came of it, showed more updates than had been asked for under these.
fn holds_more_than_its_own(calls: &[Call], lineage: &Lineage, label: Label) -> bool {
    let own = |path: &[Label], before: Moment| {
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
        let path: Vec<_> = lineage.path(cookie).take_while(|other| *other >= label).collect();
        path.last() == Some(&label) && visits > own(&path, call.end)
    })
}

/// What a call showed of the session under `label`.
fn reads(call: &Call, label: Label) -> Option<u64> {
    let looked = matches!(call.operation, Operation::Read | Operation::Visit);
    call.done().filter(|_| looked && call.cookie == Some(label))?.visits
}
