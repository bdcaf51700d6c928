use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::checker::{Findings, Jars, Rule, Violation};
use crate::faults::{Entry, Kind, Log};
use crate::fleet::NODES;
use crate::history::{Call, History, Moment, Operation, Outcome, SetCookie};

/// What a run has shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    visitors: u64,
    operations: BTreeMap<(Operation, &'static str), u64>,
    /// When a session got no answer from any node.
    unavailable: Vec<Outage>,
    /// When a session got no answer from one of the nodes.
    unavailable_at_node: Vec<Outage>,
    /// The longest time without an answer during a fault of the servers, and nothing else: for the sessions that it
    /// concerned, for these from when another server had taken over or else the fault was over, and for the others.
    unavailable_by_kind: BTreeMap<Kind, [Moment; 3]>,
    /// Acknowledged updates that may be missing, and those that are.
    uncertain: u64,
    lost: u64,
    jars: Jars,
    /// Logouts with an earlier cookie.
    followed: u64,
    /// With the history that shows them.
    violations: Vec<(History, Vec<Violation>)>,
}

/// A time in which a session was not available.
#[derive(Clone, Debug)]
struct Outage {
    username: String,
    time: Range<Moment>,
}

impl Report {
    pub(crate) fn add(&mut self, history: History, findings: Findings, faults: &Log) {
        self.visitors += 1;
        self.uncertain += findings.uncertain;
        self.lost += findings.lost;
        self.jars.add(&findings.jars);
        self.followed += findings.followed;
        for entry in faults.entries.iter().filter(|entry| entry.alone && entry.part.is_some()) {
            let longest = self.unavailable_by_kind.entry(entry.kind).or_default();
            let whole = &entry.time;
            let after = entry.taken_over.unwrap_or(whole.end)..whole.end;
            for (longest, (time, concerned)) in
                longest.iter_mut().zip([(whole, true), (&after, true), (whole, false)])
            {
                *longest = (*longest).max(longest_during(time, entry, &history, concerned));
            }
        }
        for call in &history.calls {
            *self.operations.entry((call.operation, name(&call.outcome))).or_default() += 1;
        }
        self.unavailable.extend(outages(&history, |_| true));
        for node in 0..NODES {
            self.unavailable_at_node.extend(outages(&history, |call| call.node == node));
        }
        if !findings.violations.is_empty() {
            self.violations.push((history, findings.violations));
        }
    }

    /// How often each promise was broken.
    pub(crate) fn broken(&self) -> BTreeMap<Rule, u64> {
        let mut broken = BTreeMap::new();
        for violation in self.violations.iter().flat_map(|(_, violations)| violations) {
            *broken.entry(violation.rule).or_default() += 1;
        }
        broken
    }

    /// When the first call ended that shows a violation.
    fn first_violation(&self) -> Option<Moment> {
        let calls = self.violations.iter().flat_map(|(history, violations)| {
            violations.iter().map(|violation| &history.calls[violation.call])
        });
        calls.map(|call| call.end).min()
    }

    fn print_by_kind(&self) {
        println!(
            "\nLongest time without an answer to reads and updates, during a fault of the servers alone,"
        );
        println!("{:>20} {:>14} {:>14} {:>10}", "for its sessions,", "", "afterwards", "the others");
        for (kind, longest) in &self.unavailable_by_kind {
            let [concerned, after, others] = longest.map(|time| format!("{:.2} s", time.as_secs_f64()));
            println!("{:>20} {concerned:>14} {after:>14} {others:>10}", format!("{kind:?}"));
        }
    }

    pub(crate) fn print(&self, faults: &Log) {
        println!("\n{} visitors. Their requests, by outcome:", self.visitors);
        println!("{:>10} {}", "", OUTCOMES.map(|outcome| format!("{outcome:>10}")).join(" "));
        for operation in OPERATIONS {
            let count = |outcome| self.operations.get(&(operation, outcome)).copied().unwrap_or_default();
            let counts = OUTCOMES.map(|outcome| format!("{:>10}", count(outcome)));
            println!("{operation:>10?} {}", counts.join(" "));
        }
        let Jars { judged, first_visits, expired_ids, logins, logouts, reissues } = self.jars;
        println!(
            "\nAfter {judged} changes it was known what the jar had to hold. In other cases the last answer"
        );
        println!("decided, because of requests at the same time that rightly set or removed a cookie:");
        println!("{first_visits:>6} first visits");
        println!("{expired_ids:>6} writes under an expired id");
        println!("{logins:>6} logins or renewals");
        println!("{logouts:>6} logouts beside a login or a first visit");
        println!("{reissues:>6} cookies issued anew beside any other");
        println!("Logouts with an earlier cookie that were seen to end the session: {}", self.followed);
        println!("\nFaults:");
        for (kind, count) in &faults.counts {
            println!("{count:>6} {kind:?}");
        }
        println!("{:>6} cache clears", faults.cache_clears);
        println!("{:>6} failovers that were not asked for", faults.unasked_failovers);
        println!();
        print_longest("by all nodes", &self.unavailable, &faults.entries);
        print_longest("by one node", &self.unavailable_at_node, &faults.entries);
        self.print_by_kind();
        println!(
            "\nUpdates acknowledged just before a failover: {}, of which lost: {}",
            self.uncertain, self.lost
        );
        for (history, violations) in self.violations.iter().take(STORIES) {
            print_story(history, violations, faults);
        }
        if self.violations.len() > STORIES {
            println!("\n... and {} other histories with violations", self.violations.len() - STORIES);
        }
        println!("\nViolations: {}", self.broken().values().sum::<u64>());
        if let Some(first) = self.first_violation() {
            println!("The first was seen after {:.1} s.", first.as_secs_f64());
        }
        for (rule, count) in self.broken() {
            println!("{count:>6} {rule}");
        }
    }
}

/// The longest time without an answer to reads and updates during a fault, for sessions that it concerns or for the
/// others. Logins and renewals are about more than one session, and logouts wait for replicas, too.
fn longest_during(time: &Range<Moment>, entry: &Entry, history: &History, concerned: bool) -> Moment {
    let first = history.calls.first().map_or(Moment::MAX, |call| call.start);
    let last = history.calls.last().map_or(Moment::ZERO, |call| call.end);
    if !overlap(time, &(first..last)) {
        return Moment::ZERO;
    }
    let asks = |call: &Call| {
        let part = entry.part.as_ref().zip(history.slot_of(call));
        matches!(call.operation, Operation::Read | Operation::Visit)
            && part.is_some_and(|(part, slot)| part.has(slot) == concerned)
    };
    let outages = outages(history, asks).into_iter().filter(|outage| overlap(time, &outage.time));
    let lasted = outages.map(|outage| outage.time.end.saturating_sub(outage.time.start.max(time.start)));
    lasted.max().unwrap_or_default()
}

/// The times in which the session was asked for and every answer was an error or none. When nobody asks, nothing is
/// known: an outage ends with the last of these, and after a silence another begins.
fn outages(history: &History, counts: impl Fn(&Call) -> bool) -> Vec<Outage> {
    let mut outages = Vec::new();
    let (mut last_good, mut now): (Moment, Option<Range<Moment>>) = (Moment::ZERO, None);
    for call in history.calls.iter().filter(|call| counts(call)) {
        match call.outcome {
            // Only the store knows of a conflict.
            Outcome::Done(_) | Outcome::Refused | Outcome::Conflict => {
                last_good = call.end;
                outages.extend(now.take());
            }
            Outcome::Failed(_) | Outcome::Unknown => {
                outages.extend(now.take_if(|outage| outage.end + SILENCE < call.start));
                now.get_or_insert(call.start.max(last_good)..call.end).end = call.end;
            }
        }
    }
    outages.extend(now);
    outages.into_iter().map(|time| Outage { username: history.username.clone(), time }).collect()
}

/// Prints the longest outage, and the longest time of one during which nothing was made to fail any more.
fn print_longest(what: &str, outages: &[Outage], faults: &[Entry]) {
    let lasted = |time: &Range<Moment>| time.end.saturating_sub(time.start);
    let whole = outages.iter().map(|outage| (outage, outage.time.clone()));
    let after = outages.iter().map(|outage| (outage, rest(&outage.time, faults)));
    let longest = whole.max_by_key(|(_, time)| lasted(time));
    let longest_after = after.max_by_key(|(_, time)| lasted(time));
    for (when, longest) in [("", longest), (" after the end of a fault", longest_after)] {
        if let Some((outage, time)) = longest {
            let (lasted, until) = (lasted(&time).as_secs_f64(), time.end.as_secs_f64());
            let username = &outage.username;
            println!(
                "Longest time without an answer {what}{when}: {lasted:.2} s, until {until:.2} ({username})"
            );
            for Entry { time, text, .. } in faults.iter().filter(|fault| overlap(&fault.time, &outage.time)) {
                println!("    {:.2} to {:.2}: {text}", time.start.as_secs_f64(), time.end.as_secs_f64());
            }
        }
    }
}

/// What is left of `time` after the last fault that reached into it.
fn rest(time: &Range<Moment>, faults: &[Entry]) -> Range<Moment> {
    let over = faults.iter().filter(|fault| overlap(&fault.time, time));
    let over = over.map(|fault| fault.time.end.min(time.end)).max().unwrap_or(time.start);
    over.max(time.start)..time.end
}

fn overlap(one: &Range<Moment>, other: &Range<Moment>) -> bool {
    one.start < other.end && one.end > other.start
}

/// All that happened to one session, with the faults of that time in between.
fn print_story(history: &History, violations: &[Violation], faults: &Log) {
    println!("\n=== {}", history.username);
    let (Some(first), Some(last)) = (history.calls.first(), history.calls.last()) else { return };
    let mut lines: Vec<(Moment, String)> = Vec::new();
    for (place, call) in history.calls.iter().enumerate() {
        let slot = history.slot_of(call).map(|slot| format!(" (slot {slot})")).unwrap_or_default();
        lines.push((call.start, format!("{}{slot}", Line(call))));
        for violation in violations.iter().filter(|violation| violation.call == place) {
            lines.push((call.start, format!("    ^^^ {}: {}", violation.rule, violation.text)));
        }
    }
    for Entry { time, text, .. } in &faults.entries {
        if time.end >= first.start && time.start <= last.end {
            lines.push((time.start, format!("    !!! {text} until {:.3}", time.end.as_secs_f64())));
        }
    }
    lines.sort_by_key(|(moment, _)| *moment);
    for (moment, line) in lines {
        println!("{:>9.3} {line}", moment.as_secs_f64());
    }
}

struct Line<'h>(&'h Call);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.0;
        write!(f, "- {:.3} actor {} ", call.end.as_secs_f64(), call.actor)?;
        write!(f, "node {}", call.node)?;
        match call.process {
            Some(process) => write!(f, ".{}", process / 2)?,
            None => f.write_str(".?")?,
        }
        write!(f, " {:?}", call.operation)?;
        if let Some(cookie) = call.cookie {
            write!(f, " with cookie {cookie}")?;
        }
        match &call.outcome {
            Outcome::Done(answer) => {
                f.write_str(": done")?;
                if let Some(visits) = answer.visits {
                    write!(f, ", visits {visits}")?;
                }
            }
            Outcome::Refused => f.write_str(": refused")?,
            Outcome::Conflict => f.write_str(": moved, or changed by others")?,
            Outcome::Failed(status) => write!(f, ": {status}")?,
            Outcome::Unknown => f.write_str(": no answer")?,
        }
        match call.set_cookie {
            SetCookie::Nothing => Ok(()),
            SetCookie::Gives(cookie) => write!(f, ", gives cookie {cookie}"),
            SetCookie::Reissues(cookie) => write!(f, ", issues cookie {cookie} anew"),
            SetCookie::Removes => f.write_str(", removes the cookie"),
        }
    }
}

const fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused => "refused",
        Outcome::Conflict => "conflict",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown => "unknown",
    }
}

const OPERATIONS: [Operation; 6] = [
    Operation::Login,
    Operation::Visit,
    Operation::Note,
    Operation::Read,
    Operation::Renew,
    Operation::Logout,
];
const OUTCOMES: [&str; 5] = ["done", "refused", "conflict", "failed", "unknown"];
const STORIES: usize = 5;
const SILENCE: Moment = Moment::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::Answer;

    fn call(start: u64, end: u64, outcome: Outcome) -> Call {
        Call {
            actor: 0,
            node: 0,
            process: None,
            cookie: None,
            operation: Operation::Read,
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            outcome,
            set_cookie: SetCookie::Nothing,
        }
    }

    #[test]
    fn an_outage_lasts_from_the_first_request_in_vain_to_the_last() {
        let done = || Outcome::Done(Answer::default());
        let calls = vec![
            call(0, 1, done()),
            call(2, 3, Outcome::Failed(503)),
            call(3, 4, done()),
            // Asked before the good answer, in vain until after it.
            call(3, 6, Outcome::Unknown),
            call(6, 7, Outcome::Failed(503)),
            // Nobody asked in between.
            call(9, 10, Outcome::Failed(503)),
            call(11, 11, Outcome::Refused),
        ];
        let history = History { username: "ada".to_owned(), calls, ..History::default() };
        let outages_of = |history| outages(history, |_| true).into_iter().map(|outage| outage.time);
        let second = Duration::from_secs;
        let expected = [second(2)..second(3), second(4)..second(7), second(9)..second(10)];
        assert_eq!(outages_of(&history).collect::<Vec<_>>(), expected);
        assert!(outages(&history, |call| call.node == 1).is_empty());
    }

    #[test]
    fn what_comes_after_the_last_fault_is_recovery() {
        let second = Duration::from_secs;
        let fault = |from, to| Entry {
            kind: Kind::KillPrimary,
            time: second(from)..second(to),
            part: None,
            taken_over: None,
            alone: true,
            text: String::new(),
        };
        let time = second(2)..second(7);
        assert_eq!(rest(&time, &[fault(0, 1), fault(8, 9)]), time);
        assert_eq!(rest(&time, &[fault(1, 3), fault(2, 5)]), second(5)..second(7));
        assert_eq!(rest(&time, &[fault(1, 9)]), second(7)..second(7));
    }

    #[test]
    fn of_a_fault_those_are_told_apart_whom_it_concerns() {
        let second = Duration::from_secs;
        let with = |cookie, call| Call { cookie: Some(cookie), ..call };
        let calls = vec![
            with(0, call(2, 6, Outcome::Failed(503))),
            with(1, call(5, 7, Outcome::Unknown)),
            with(2, call(7, 8, Outcome::Unknown)),
            call(1, 9, Outcome::Unknown),
        ];
        let history = History { calls, slots: vec![1, 2, 3], ..History::default() };
        let entry = Entry {
            kind: Kind::KillPrimary,
            time: second(3)..second(8),
            part: Some([1, 3].into_iter().collect()),
            taken_over: None,
            alone: true,
            text: String::new(),
        };
        let longest =
            |from, to, concerned| longest_during(&(second(from)..second(to)), &entry, &history, concerned);
        // From the beginning of the fault, whatever was asked for which session.
        assert_eq!(longest(3, 8, true), second(5));
        assert_eq!(longest(3, 8, false), second(2));
        assert_eq!(longest(7, 8, true), second(1));
        assert_eq!(longest(10, 12, true), second(0));
    }
}
