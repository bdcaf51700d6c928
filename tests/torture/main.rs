//! The history checker: many sessions are led through login, updates, reads, renewals and logout on three real nodes,
//! while the nodes, the servers and the network between them are made to fail. Every call is recorded with its start
//! and end, and what the visitors were told is checked against the promises in DESIGN.md.
//!
//! ```text
//! cargo xtask torture --topology cluster --minutes 20 --seed 7
//! ```
//!
//! On every topology what was acknowledged has to be seen within `max_staleness`, whatever fails meanwhile: there is no
//! allowance for failovers. But Redis replicates asynchronously, so a primary that fails may take with it what it
//! acknowledged shortly before. Logins, renewals and logouts wait for replicas, so they may not get lost. Updates do not:
//! those of the last moments are uncertain, see [`checker::Doubt`], and the report says how many of them got lost.
//!
//! Exit codes: 0 when every promise was kept, 1 when one was broken, 2 when the command line was not understood.

#![allow(clippy::expect_used, clippy::panic, reason = "this is a test")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is a command-line tool")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "these are tests"))]

mod arguments;
mod checker;
mod faults;
mod fleet;
mod history;
mod life;
mod report;
mod servers;
mod slots;
mod visitor;
mod watch;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use fastrand::Rng;
use handstamp_testkit::PATIENCE;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arguments::{Arguments, Outage};
use crate::checker::Rule;
use crate::fleet::{Fleet, MAX_STALENESS, NODES, SERVED_FOR};
use crate::history::History;
use crate::life::Habits;
use crate::report::Report;
use crate::visitor::Visitor;
use crate::watch::Watch;

#[tokio::main]
async fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => run(arguments).await,
        Err(usage) => {
            eprint!("{usage}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { duration, seed, topology, outage, with, self_test } = arguments;
    println!("torture: seed {seed}, {duration:?}, on {topology:?}, nodes {outage:?}, with {with:?}");
    let mut rng = Rng::with_seed(seed);
    let mut fleet = Fleet::start(topology, outage, with, seed).await;
    let began = Instant::now();
    let deadline = began + duration;
    let habits = Habits {
        visitor: Visitor::new(fleet.addresses(), began),
        finder: fleet::finder(),
        bound: bound(outage),
        deadline,
        falsify: self_test,
    };
    let mut watch = Watch::begin(&fleet.servers);
    let lives = tokio::spawn(lead_lives(habits, rng.fork()));
    let mut faults = faults::run(&mut fleet, &mut watch, rng, began, deadline).await;
    let unwell = fleet.unwell(PATIENCE).await;
    let histories = lives.await.expect("lives do not panic");
    watch.look(&fleet.servers, &BTreeSet::new(), began, &mut faults);
    let mut report = Report::default();
    for history in histories {
        let findings = checker::check(&history, bound(outage), &faults.doubts);
        report.add(history, findings, &faults);
    }
    report.print(&faults);
    let broken = report.broken();
    if !broken.is_empty() || !unwell.is_empty() {
        (0..NODES).for_each(|node| fleet.save_log(node));
        println!("\nWhat the nodes wrote is in {}", fleet.logs().display());
    }
    if !unwell.is_empty() {
        println!("Not well {PATIENCE:?} after the last fault: nodes {unwell:?}");
    }
    println!("The seed was {seed}.");
    let good = if self_test {
        println!("Updates and logouts were falsified.");
        [Rule::LostUpdate, Rule::Stale].iter().all(|rule| broken.contains_key(rule))
    } else {
        broken.is_empty() && unwell.is_empty()
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Many at once, each replaced by another when it is over.
async fn lead_lives(habits: Habits, mut rng: Rng) -> Vec<History> {
    let mut histories = Vec::new();
    let mut lives = JoinSet::new();
    let mut numbers = 0..;
    let mut begin = |lives: &mut JoinSet<_>| {
        if let Some(number) = numbers.next() {
            lives.spawn(life::lead(habits.clone(), number, rng.fork()));
        }
    };
    (0..LIVES).for_each(|_| begin(&mut lives));
    while let Some(history) = lives.join_next().await {
        histories.push(history.expect("a life does not panic"));
        if Instant::now() < habits.deadline {
            begin(&mut lives);
        }
    }
    histories
}

/// After what time everything that has happened is seen everywhere, with a little for the clock.
fn bound(outage: Outage) -> Duration {
    let bound = match outage {
        Outage::Refuse => MAX_STALENESS,
        Outage::Serve => MAX_STALENESS.max(SERVED_FOR),
    };
    bound + Duration::from_millis(100)
}

const LIVES: usize = 24;
