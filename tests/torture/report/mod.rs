//! The printed result of a run.

mod outages;
mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::outages::{Outage, longest_during, outages, print_longest};
use self::story::print_story;
use crate::checker::{Findings, Jars, Rule, Violation};
use crate::faults::{Kind, Log};
use crate::fleet::NODES;
use crate::history::{History, Moment, Operation, Outcome};

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    visitors: u64,
    operations: BTreeMap<(Operation, &'static str), u64>,
    /// When a session was unavailable on all nodes.
    unavailable: Vec<Outage>,
    /// When a session was unavailable on one node.
    unavailable_at_node: Vec<Outage>,
    /// The longest unavailability during a fault of the servers only: of the affected sessions, of these after the failover or else after
    /// the fault, and of the others.
    unavailable_by_kind: BTreeMap<Kind, [Moment; 3]>,
    /// The number of acknowledged updates that may be missing, and of those that are.
    uncertain: u64,
    lost: u64,
    jars: Jars,
    /// The number of logouts with an earlier cookie.
    followed: u64,
    /// Each with the history that shows them.
    violations: Vec<(History, Vec<Violation>)>,
}

impl Report {
    pub(crate) fn add(&mut self, history: History, findings: Findings, faults: &Log) {
        self.visitors += 1;
        self.uncertain += findings.uncertain;
        self.lost += findings.lost;
        self.jars.add(&findings.jars);
        self.followed += findings.followed;
        for entry in faults.entries.iter().filter(|entry| entry.alone && entry.slots.is_some()) {
            let longest = self.unavailable_by_kind.entry(entry.kind).or_default();
            let whole = &entry.time;
            let after = entry.taken_over.unwrap_or(whole.end)..whole.end;
            for (longest, (time, affected)) in
                longest.iter_mut().zip([(whole, true), (&after, true), (whole, false)])
            {
                *longest = (*longest).max(longest_during(time, entry, &history, affected));
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

    /// The number of violations by rule.
    pub(crate) fn broken(&self) -> BTreeMap<Rule, u64> {
        let mut broken = BTreeMap::new();
        for violation in self.violations.iter().flat_map(|(_, violations)| violations) {
            *broken.entry(violation.rule).or_default() += 1;
        }
        broken
    }

    /// When the first call with a violation ended.
    fn first_violation(&self) -> Option<Moment> {
        let calls = self.violations.iter().flat_map(|(history, violations)| {
            violations.iter().map(|violation| &history.calls[violation.call])
        });
        calls.map(|call| call.end).min()
    }

    fn print_by_kind(&self) {
        println!("\nLongest time without a successful read or update, during a fault of the servers only:");
        println!("{:>20} {:>14} {:>14} {:>10}", "", "affected", "afterwards", "others");
        for (kind, longest) in &self.unavailable_by_kind {
            let [affected, after, others] = longest.map(|time| format!("{:.2} s", time.as_secs_f64()));
            println!("{:>20} {affected:>14} {after:>14} {others:>10}", format!("{kind:?}"));
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
            "\nAfter {judged} changes, the expected content of the jar was known. In other cases the last response"
        );
        println!("decided, because concurrent requests were entitled to set or remove a cookie:");
        println!("{first_visits:>6} first visits");
        println!("{expired_ids:>6} writes under an expired id");
        println!("{logins:>6} logins or renewals");
        println!("{logouts:>6} logouts and a login or a first visit");
        println!("{reissues:>6} reissued cookies and any other change");
        println!("Logouts with an earlier cookie that were verified: {}", self.followed);
        println!("\nFaults:");
        for (kind, count) in &faults.counts {
            println!("{count:>6} {kind:?}");
        }
        println!("{:>6} cache clears", faults.cache_clears);
        println!("{:>6} unexpected failovers", faults.unexpected_failovers);
        println!();
        print_longest("on all nodes", &self.unavailable, &faults.entries);
        print_longest("on one node", &self.unavailable_at_node, &faults.entries);
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
            println!("The first one was found after {:.1} s.", first.as_secs_f64());
        }
        for (rule, count) in self.broken() {
            println!("{count:>6} {rule}");
        }
    }
}

const fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Unauthorized => "rejected",
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
const OUTCOMES: [&str; 5] = ["done", "rejected", "conflict", "failed", "unknown"];
const STORIES: usize = 5;
