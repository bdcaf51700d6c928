use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::checker::{Rule, Violation};
use crate::cluster::NODES;
use crate::faults::Log;
use crate::history::{Call, History, Moment, Operation, Outcome};

/// What a run has shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    lives: u64,
    operations: BTreeMap<(Operation, &'static str), u64>,
    /// When a session got no answer from any node.
    unavailable: Vec<Outage>,
    /// When a session got no answer from one of the nodes.
    unavailable_at_node: Vec<Outage>,
    /// With the history that shows them.
    violations: Vec<(History, Vec<Violation>)>,
}

/// When a session was asked for in vain, and whose that was.
#[derive(Clone, Debug)]
struct Outage {
    username: String,
    time: Range<Moment>,
}

impl Report {
    pub(crate) fn add(&mut self, history: History, violations: Vec<Violation>) {
        self.lives += 1;
        for call in &history.calls {
            *self.operations.entry((call.operation, name(&call.outcome))).or_default() += 1;
        }
        self.unavailable.extend(outages(&history, |_| true));
        for node in 0..NODES {
            self.unavailable_at_node.extend(outages(&history, |call| call.node == node));
        }
        if !violations.is_empty() {
            self.violations.push((history, violations));
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

    pub(crate) fn print(&self, faults: &Log) {
        println!("\n{} sessions led their lives. What was asked, and what came of it:", self.lives);
        println!("{:>10} {:>10} {:>10} {:>10} {:>10}", "", "done", "refused", "failed", "unknown");
        for operation in OPERATIONS {
            let count = |outcome| self.operations.get(&(operation, outcome)).copied().unwrap_or_default();
            let [done, refused, failed, unknown] = ["done", "refused", "failed", "unknown"].map(count);
            println!("{operation:>10?} {done:>10} {refused:>10} {failed:>10} {unknown:>10}");
        }
        println!("\nFaults:");
        for (kind, count) in &faults.counts {
            println!("{count:>6} {kind:?}");
        }
        println!("{:>6} cache clears", faults.cache_clears);
        println!();
        print_longest("by all nodes", &self.unavailable, &faults.entries);
        print_longest("by one node", &self.unavailable_at_node, &faults.entries);
        for (history, violations) in self.violations.iter().take(STORIES) {
            print_story(history, violations, faults);
        }
        if self.violations.len() > STORIES {
            println!("\n... and {} other histories with violations", self.violations.len() - STORIES);
        }
        println!("\nViolations: {}", self.broken().values().sum::<u64>());
        for (rule, count) in self.broken() {
            println!("{count:>6} {rule}");
        }
    }
}

/// The times in which the session was asked for and every answer was an error or none. When nobody asks, nothing is
/// known: an outage ends with the last of these, and after a silence another begins.
fn outages(history: &History, counts: impl Fn(&Call) -> bool) -> Vec<Outage> {
    let mut outages = Vec::new();
    let (mut last_good, mut now): (Moment, Option<Range<Moment>>) = (Moment::ZERO, None);
    for call in history.calls.iter().filter(|call| counts(call)) {
        match call.outcome {
            Outcome::Done(_) | Outcome::Refused => {
                last_good = call.end;
                outages.extend(now.take());
            }
            Outcome::Failed(_) | Outcome::Uncertain(_) | Outcome::Unknown => {
                outages.extend(now.take_if(|outage| outage.end + SILENCE < call.start));
                now.get_or_insert(call.start.max(last_good)..call.end).end = call.end;
            }
        }
    }
    outages.extend(now);
    outages.into_iter().map(|time| Outage { username: history.username.clone(), time }).collect()
}

/// Prints the longest outage, and the longest time of one during which nothing was made to fail any more.
fn print_longest(what: &str, outages: &[Outage], faults: &[(Moment, Moment, String)]) {
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
            for (start, end, text) in faults.iter().filter(|fault| reaches(fault, &outage.time)) {
                println!("    {:.2} to {:.2}: {text}", start.as_secs_f64(), end.as_secs_f64());
            }
        }
    }
}

/// What is left of `time` after the last fault that reached into it.
fn rest(time: &Range<Moment>, faults: &[(Moment, Moment, String)]) -> Range<Moment> {
    let over = faults.iter().filter(|fault| reaches(fault, time));
    let over = over.map(|(_, end, _)| (*end).min(time.end)).max().unwrap_or(time.start);
    over.max(time.start)..time.end
}

fn reaches((start, end, _): &(Moment, Moment, String), time: &Range<Moment>) -> bool {
    *start < time.end && *end > time.start
}

/// All that happened to one session, with the faults of that time in between.
fn print_story(history: &History, violations: &[Violation], faults: &Log) {
    println!("\n=== {}", history.username);
    let (Some(first), Some(last)) = (history.calls.first(), history.calls.last()) else { return };
    let mut lines: Vec<(Moment, String)> = Vec::new();
    for (place, call) in history.calls.iter().enumerate() {
        lines.push((call.start, Line(call).to_string()));
        for violation in violations.iter().filter(|violation| violation.call == place) {
            lines.push((call.start, format!("    ^^^ {}: {}", violation.rule, violation.text)));
        }
    }
    for (start, end, text) in &faults.entries {
        if *end >= first.start && *start <= last.end {
            lines.push((*start, format!("    !!! {text} until {:.3}", end.as_secs_f64())));
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
                if let Some(cookie) = answer.cookie {
                    write!(f, ", gives cookie {cookie}")?;
                }
                Ok(())
            }
            Outcome::Refused => f.write_str(": refused"),
            Outcome::Failed(status) => write!(f, ": {status}"),
            Outcome::Uncertain(cookie) => write!(f, ": not known to be done, gives cookie {cookie}"),
            Outcome::Unknown => f.write_str(": no answer"),
        }
    }
}

const fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused => "refused",
        Outcome::Failed(_) | Outcome::Uncertain(_) => "failed",
        Outcome::Unknown => "unknown",
    }
}

const OPERATIONS: [Operation; 5] =
    [Operation::Login, Operation::Visit, Operation::Read, Operation::Renew, Operation::Logout];
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
        let history = History { username: "ada".to_owned(), calls };
        let outages_of = |history| outages(history, |_| true).into_iter().map(|outage| outage.time);
        let second = Duration::from_secs;
        let expected = [second(2)..second(3), second(4)..second(7), second(9)..second(10)];
        assert_eq!(outages_of(&history).collect::<Vec<_>>(), expected);
        assert!(outages(&history, |call| call.node == 1).is_empty());
    }

    #[test]
    fn what_comes_after_the_last_fault_is_recovery() {
        let second = Duration::from_secs;
        let fault = |from, to| (second(from), second(to), String::new());
        let time = second(2)..second(7);
        assert_eq!(rest(&time, &[fault(0, 1), fault(8, 9)]), time);
        assert_eq!(rest(&time, &[fault(1, 3), fault(2, 5)]), second(5)..second(7));
        assert_eq!(rest(&time, &[fault(1, 9)]), second(7)..second(7));
    }
}
