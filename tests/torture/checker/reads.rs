use std::collections::HashMap;
use std::time::Duration;

use super::accounts::Accounts;
use super::endings::Endings;
use super::lineage::Lineage;
use super::uncertain::UncertainUpdates;
use super::{Rule, Violation};
use crate::history::{Body, Call, CookieNumber, History, Operation};

/// Checks every response that shows a session, including those of updates, which contain the number of updates. Also returns the number
/// of acknowledged updates that were missing and may be.
pub(super) fn check(
    history: &History,
    lineage: &Lineage,
    endings: &Endings,
    accounts: &Accounts<'_>,
    uncertain: &UncertainUpdates,
    bound: Duration,
) -> (Vec<Violation>, u64) {
    let visits = history.calls.iter().enumerate().filter(|(_, call)| call.operation == Operation::Visit);
    let visits = visits.map(|(place, call)| (call, uncertain.has(place))).collect();
    let mut reads = Reads {
        history,
        lineage,
        endings,
        accounts,
        bound,
        visits,
        seen: HashMap::new(),
        lost: HashMap::new(),
        violations: Vec::new(),
    };
    for (place, call) in history.calls.iter().enumerate() {
        if let Some(body) = call.done() {
            reads.check_name(place, call, body);
            if let (Operation::Read | Operation::Visit, Some(cookie)) = (call.operation, call.cookie) {
                reads.check_end(place, call, cookie);
                if let Some(shown) = body.visits {
                    reads.check_updates(place, call, cookie, shown);
                }
            }
        }
    }
    (reads.violations, reads.lost.values().sum())
}

struct Reads<'h> {
    history: &'h History,
    lineage: &'h Lineage,
    endings: &'h Endings,
    accounts: &'h Accounts<'h>,
    bound: Duration,
    /// Each with whether it may be missing.
    visits: Vec<(&'h Call, bool)>,
    /// The highest number of updates that an actor saw on a process under a cookie.
    seen: HashMap<(usize, usize, u32, CookieNumber), u64>,
    /// The highest number of updates that were missing and may be, by the first cookie for the same data.
    lost: HashMap<Option<CookieNumber>, u64>,
    violations: Vec<Violation>,
}

impl Reads<'_> {
    /// A login sets another cookie, so a cookie set by a write never shows a name, and one set by a login always does.
    fn check_name(&mut self, place: usize, call: &Call, body: &Body) {
        let expected = &self.history.username;
        if let Some(name) = &body.username
            && name != expected
        {
            self.report(Rule::OtherUser, place, format!("{expected} got the session of {name}"));
        }
        let origin = call.cookie.and_then(|cookie| self.lineage.origin(cookie));
        let Some(origin) = origin.filter(|_| call.operation == Operation::Read) else { return };
        match (self.history.calls[origin.call].operation.is_login(), &body.username) {
            (true, None) => self.report(Rule::LostUpdate, place, "the login is missing".to_owned()),
            (false, Some(_)) => {
                self.report(Rule::Fixed, place, "this cookie was set without a login".to_owned());
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A session is not served after its end: at once on the process that ended it, on others after the bound. A write queries the store,
    /// so it fails at once everywhere.
    fn check_end(&mut self, place: usize, call: &Call, cookie: CookieNumber) {
        let (calls, is_visit) = (&self.history.calls, call.operation == Operation::Visit);
        let mut ended = self.endings.certain(calls, self.lineage, self.accounts, cookie);
        let ending = ended.find(|ending| {
            // A process that ended the session under a later cookie may still have it cached under this one.
            let knows = ending.cookie <= Some(cookie) && ending.same_process(call);
            ending.end < call.start && (is_visit || knows || ending.end + self.bound < call.start)
        });
        let Some(ending) = ending else { return };
        let late = call.start.saturating_sub(ending.end);
        let under = ending.cookie.filter(|other| *other != cookie);
        let under = under.map(|other| format!(" under cookie {other}")).unwrap_or_default();
        if is_visit {
            let text = format!("an update was accepted {late:?} after the end of cookie {cookie}{under}");
            self.report(Rule::Resurrected, place, text);
        } else {
            self.report(
                Rule::Stale,
                place,
                format!("cookie {cookie} was served {late:?} after its end{under}"),
            );
        }
    }

    fn check_updates(&mut self, place: usize, call: &Call, cookie: CookieNumber, shown: u64) {
        // The number of updates before this call.
        let before = if call.operation == Operation::Visit { shown.saturating_sub(1) } else { shown };
        let must_be_visible = |visit: &Call| {
            visit.is_done()
                && visit.cookie.is_some_and(|made| self.accounts.is_visible_in_time(made, visit.end, cookie))
                && (visit.end + self.bound < call.start
                    || (visit.end < call.start && visit.same_process(call)))
        };
        let required = self.count(cookie, |visit, uncertain| !uncertain && must_be_visible(visit));
        let acknowledged = self.count(cookie, |visit, _| must_be_visible(visit));
        if before < required {
            let text = format!("{before} updates are visible, {required} were acknowledged");
            self.report(Rule::LostUpdate, place, text);
        }
        let lost = self.lost.entry(self.accounts.account(cookie)).or_default();
        *lost = (*lost).max(acknowledged.saturating_sub(before));
        let possible = self.count(cookie, |visit, _| !visit.is_rejected() && visit.start < call.end);
        if shown > possible {
            let text = format!("{shown} updates are visible, {possible} were requested and not rejected");
            self.report(Rule::PhantomUpdate, place, text);
        }
        let Some(process) = call.process else { return };
        let reader = (call.actor, call.node, process, cookie);
        let seen = self.seen.entry(reader).or_default();
        let seen_before = *seen;
        *seen = seen_before.max(shown);
        // After a lost update, a reader that saw it sees fewer.
        let uncertain = self.count(cookie, |visit, uncertain| uncertain && visit.start < call.end);
        if before + uncertain < seen_before {
            let text = format!("the same actor saw {seen_before} updates before, and now {before}");
            self.report(Rule::Backwards, place, text);
        }
    }

    /// The number of `selected` updates under this cookie and its predecessors.
    fn count(&self, cookie: CookieNumber, selected: impl Fn(&Call, bool) -> bool) -> u64 {
        let shows = |visit: &Call| visit.cookie.is_some_and(|made| self.accounts.leads_to(made, cookie));
        self.visits.iter().filter(|(visit, uncertain)| selected(visit, *uncertain) && shows(visit)).count()
            as u64
    }

    fn report(&mut self, rule: Rule, call: usize, text: String) {
        self.violations.push(Violation { rule, call, text });
    }
}
