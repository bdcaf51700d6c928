use std::collections::HashMap;
use std::time::Duration;

use super::accounts::Accounts;
use super::doubts::Doubtful;
use super::endings::Endings;
use super::lineage::Lineage;
use super::{Rule, Violation};
use crate::history::{Answer, Call, History, Label, Operation};

/// Checks every response that shows a session, including those of updates, which contain the number of updates.
/// Returns how many acknowledged updates were missing that may be, as well.
pub(super) fn check(
    history: &History,
    lineage: &Lineage,
    endings: &Endings,
    accounts: &Accounts<'_>,
    doubtful: &Doubtful,
    bound: Duration,
) -> (Vec<Violation>, u64) {
    let visits = history.calls.iter().enumerate().filter(|(_, call)| call.operation == Operation::Visit);
    let visits = visits.map(|(place, call)| (call, doubtful.has(place))).collect();
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
        if let Some(answer) = call.done() {
            reads.check_name(place, call, answer);
            if let (Operation::Read | Operation::Visit, Some(cookie)) = (call.operation, call.cookie) {
                reads.check_end(place, call, cookie);
                if let Some(shown) = answer.visits {
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
    /// With whether it may be missing.
    visits: Vec<(&'h Call, bool)>,
    /// The most updates that an actor saw on a process under a cookie.
    seen: HashMap<(usize, usize, u32, Label), u64>,
    /// The most updates that were missing and may be, by the first cookie for the same data.
    lost: HashMap<Option<Label>, u64>,
    violations: Vec<Violation>,
}

impl Reads<'_> {
    /// A login gives another cookie, so a cookie that a write has given never shows a name, and that of a login always does.
    fn check_name(&mut self, place: usize, call: &Call, answer: &Answer) {
        let expected = &self.history.username;
        if let Some(name) = &answer.username
            && name != expected
        {
            self.report(Rule::OtherUser, place, format!("{expected} was told to be {name}"));
        }
        let origin = call.cookie.and_then(|cookie| self.lineage.origin(cookie));
        let Some(origin) = origin.filter(|_| call.operation == Operation::Read) else { return };
        match (self.history.calls[origin.call].operation.is_login(), &answer.username) {
            (true, None) => self.report(Rule::LostUpdate, place, "the login is missing".to_owned()),
            (false, Some(_)) => {
                self.report(Rule::Fixed, place, "this cookie came without a login".to_owned());
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Nothing is served of a session after its end: at once on the process that ended it, elsewhere after the
    /// bound. A write asks the store, so it fails at once everywhere.
    fn check_end(&mut self, place: usize, call: &Call, cookie: Label) {
        let (calls, is_visit) = (&self.history.calls, call.operation == Operation::Visit);
        let mut ended = self.endings.certain(calls, self.lineage, self.accounts, cookie);
        let ending = ended.find(|ending| {
            // A process that ends the session under a later cookie need not know of this one.
            let knows = ending.cookie <= Some(cookie) && ending.same_process(call);
            ending.end < call.start && (is_visit || knows || ending.end + self.bound < call.start)
        });
        let Some(ending) = ending else { return };
        let late = call.start.saturating_sub(ending.end);
        let under = ending.cookie.filter(|other| *other != cookie);
        let under = under.map(|other| format!(" under cookie {other}")).unwrap_or_default();
        if is_visit {
            let text = format!("an update was taken {late:?} after the end of cookie {cookie}{under}");
            self.report(Rule::Resurrected, place, text);
        } else {
            self.report(
                Rule::Stale,
                place,
                format!("cookie {cookie} was served {late:?} after its end{under}"),
            );
        }
    }

    fn check_updates(&mut self, place: usize, call: &Call, cookie: Label, shown: u64) {
        // The number of updates that the call found.
        let before = if call.operation == Operation::Visit { shown.saturating_sub(1) } else { shown };
        let must_show = |visit: &Call| {
            visit.is_done()
                && visit.cookie.is_some_and(|made| self.accounts.shows_in_time(made, visit.end, cookie))
                && (visit.end + self.bound < call.start
                    || (visit.end < call.start && visit.same_process(call)))
        };
        let required = self.count(cookie, |visit, doubtful| !doubtful && must_show(visit));
        let acknowledged = self.count(cookie, |visit, _| must_show(visit));
        if before < required {
            let text = format!("{before} updates are there, {required} were acknowledged");
            self.report(Rule::LostUpdate, place, text);
        }
        let lost = self.lost.entry(self.accounts.account(cookie)).or_default();
        *lost = (*lost).max(acknowledged.saturating_sub(before));
        let possible = self.count(cookie, |visit, _| !visit.is_rejected() && visit.start < call.end);
        if shown > possible {
            let text = format!("{shown} updates are there, {possible} were asked for and not refused");
            self.report(Rule::PhantomUpdate, place, text);
        }
        let Some(process) = call.process else { return };
        let reader = (call.actor, call.node, process, cookie);
        let seen = self.seen.entry(reader).or_default();
        let seen_before = *seen;
        *seen = seen_before.max(shown);
        // After a lost update, a reader that has seen it sees fewer.
        let doubtful = self.count(cookie, |visit, doubtful| doubtful && visit.start < call.end);
        if before + doubtful < seen_before {
            let text = format!("the same actor saw {seen_before} updates there, and now {before}");
            self.report(Rule::Backwards, place, text);
        }
    }

    /// How many of the updates under this cookie, and the cookies before it, are `selected`.
    fn count(&self, cookie: Label, selected: impl Fn(&Call, bool) -> bool) -> u64 {
        let shows = |visit: &Call| visit.cookie.is_some_and(|made| self.accounts.leads_to(made, cookie));
        self.visits.iter().filter(|(visit, doubtful)| selected(visit, *doubtful) && shows(visit)).count()
            as u64
    }

    fn report(&mut self, rule: Rule, call: usize, text: String) {
        self.violations.push(Violation { rule, call, text });
    }
}
