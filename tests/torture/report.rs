use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::checker::Violation;
use crate::faults::Log;
use crate::history::{Call, History, Moment, Operation, Outcome};

/// What a run has shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    lives: u64,
    operations: BTreeMap<(Operation, &'static str), u64>,
    unavailable: Option<Outage>,
    unavailable_at_node: Option<Outage>,
    /// With the history that shows them.
    violations: Vec<(History, Vec<Violation>)>,
}

/// For how long a session was asked for in vain.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Outage {
    lasted: Duration,
    until: Moment,
    username: String,
}

impl Report {
    pub(crate) fn add(&mut self, history: History, violations: Vec<Violation>) {
        self.lives += 1;
        for call in &history.calls {
            *self.operations.entry((call.operation, name(&call.outcome))).or_default() += 1;
        }
        let everywhere = longest_outage(&history, |_| true);
        self.unavailable = self.unavailable.take().max(everywhere);
        for node in 0..crate::cluster::NODES {
            let there = longest_outage(&history, |call| call.node == node);
            self.unavailable_at_node = self.unavailable_at_node.take().max(there);
        }
        if !violations.is_empty() {
            self.violations.push((history, violations));
        }
    }

    /// How often each promise was broken.
    pub(crate) fn broken(&self) -> BTreeMap<crate::checker::Rule, u64> {
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
        for (what, outage) in
            [("by all nodes", &self.unavailable), ("by one node", &self.unavailable_at_node)]
        {
            if let Some(Outage { lasted, until, username }) = outage {
                let (lasted, until) = (lasted.as_secs_f64(), until.as_secs_f64());
                println!(
                    "Longest time without an answer {what}: {lasted:.2} s, until {until:.2} s ({username})"
                );
            }
        }
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

/// The longest time in which the session was asked for and every answer was an error or none.
fn longest_outage(history: &History, counts: impl Fn(&Call) -> bool) -> Option<Outage> {
    let mut longest: Option<Outage> = None;
    let (mut last_good, mut since) = (Moment::ZERO, None);
    for call in history.calls.iter().filter(|call| counts(call)) {
        match call.outcome {
            Outcome::Done(_) | Outcome::Refused => {
                last_good = call.end;
                if let Some(since) = since.take() {
                    let lasted = call.end.saturating_sub(since);
                    let outage = Outage { lasted, until: call.end, username: history.username.clone() };
                    longest = longest.max(Some(outage));
                }
            }
            Outcome::Failed(_) | Outcome::Unknown => {
                since.get_or_insert(call.start.max(last_good));
            }
        }
    }
    longest
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
            Outcome::Unknown => f.write_str(": no answer"),
        }
    }
}

const fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused => "refused",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown => "unknown",
    }
}

const OPERATIONS: [Operation; 5] =
    [Operation::Login, Operation::Visit, Operation::Read, Operation::Renew, Operation::Logout];
const STORIES: usize = 5;

#[cfg(test)]
mod tests {
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
    fn an_outage_lasts_from_the_last_good_answer_to_the_next() {
        let done = || Outcome::Done(Answer::default());
        let calls = vec![
            call(0, 1, done()),
            call(2, 3, Outcome::Failed(503)),
            call(3, 4, done()),
            // Asked before the good answer, in vain until after it.
            call(3, 6, Outcome::Unknown),
            call(6, 7, Outcome::Refused),
        ];
        let history = History { username: "ada".to_owned(), calls };
        let outage = longest_outage(&history, |_| true).unwrap();
        assert_eq!((outage.lasted, outage.until), (Duration::from_secs(3), Duration::from_secs(7)));
        assert_eq!(longest_outage(&history, |call| call.node == 1), None);
    }
}
