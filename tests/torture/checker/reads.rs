use std::collections::HashMap;
use std::time::Duration;

use super::accounts::Accounts;
use super::doubts::Doubtful;
use super::endings::Endings;
use super::{Rule, Violation};
use crate::history::{Answer, Call, History, Label, Operation, Outcome};

/// Checks whatever showed the session to somebody. An update does, too: it is told how many there were before.
/// Returns how many acknowledged updates were missing that may be, as well.
pub(super) fn check(
    history: &History,
    endings: &Endings,
    accounts: &Accounts,
    doubtful: &Doubtful,
    bound: Duration,
) -> (Vec<Violation>, u64) {
    let visits = history.calls.iter().enumerate().filter(|(_, call)| call.operation == Operation::Visit);
    let visits = visits.map(|(place, call)| (call, doubtful.has(place))).collect();
    let mut reads = Reads {
        history,
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
            reads.check_name(place, answer);
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
    endings: &'h Endings,
    accounts: &'h Accounts,
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
    fn check_name(&mut self, place: usize, answer: &Answer) {
        let expected = &self.history.username;
        if let Some(name) = &answer.username
            && name != expected
        {
            self.report(Rule::OtherUser, place, format!("{expected} was told to be {name}"));
        }
    }

    /// Nothing is served of a session after its end: at once on the process that ended it, elsewhere after the
    /// bound. A write asks the store, so it fails at once everywhere.
    fn check_end(&mut self, place: usize, call: &Call, cookie: Label) {
        let calls = &self.history.calls;
        if call.operation == Operation::Visit {
            if let Some(ending) = self.endings.certain(calls, cookie, call.start) {
                let late = call.start.saturating_sub(ending.end);
                let text = format!("an update was taken {late:?} after the end of cookie {cookie}");
                self.report(Rule::Resurrected, place, text);
            }
            return;
        }
        let late = self
            .endings
            .of_cookie(calls, cookie)
            .map(|(_, ending)| ending)
            .filter(|ending| ending.is_done() && ending.end < call.start)
            .find(|ending| ending.end + self.bound < call.start || ending.same_process(call));
        if let Some(ending) = late {
            let late = call.start.saturating_sub(ending.end);
            let text = format!("cookie {cookie} was served {late:?} after its end");
            self.report(Rule::Stale, place, text);
        }
    }

    fn check_updates(&mut self, place: usize, call: &Call, cookie: Label, shown: u64) {
        // What was there when it was looked at.
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
        let possible =
            self.count(cookie, |visit, _| visit.outcome != Outcome::Refused && visit.start < call.end);
        if shown > possible {
            let text = format!("{shown} updates are there, {possible} were asked for and not refused");
            self.report(Rule::PhantomUpdate, place, text);
        }
        let Some(process) = call.process else { return };
        let reader = (call.actor, call.node, process, cookie);
        let seen = self.seen.entry(reader).or_default();
        let seen_before = *seen;
        *seen = seen_before.max(shown);
        // Whoever saw an update that got lost sees less now.
        let doubtful = self.count(cookie, |visit, doubtful| doubtful && visit.start < call.end);
        if before + doubtful < seen_before {
            let text = format!("the same actor saw {seen_before} updates there, and now {before}");
            self.report(Rule::Backwards, place, text);
        }
    }

    /// How many of the updates under this cookie, and those that it came from, are such.
    fn count(&self, cookie: Label, such: impl Fn(&Call, bool) -> bool) -> u64 {
        let shows = |visit: &Call| visit.cookie.is_some_and(|made| self.accounts.leads_to(made, cookie));
        self.visits.iter().filter(|(visit, doubtful)| such(visit, *doubtful) && shows(visit)).count() as u64
    }

    fn report(&mut self, rule: Rule, call: usize, text: String) {
        self.violations.push(Violation { rule, call, text });
    }
}
