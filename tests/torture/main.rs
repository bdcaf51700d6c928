//! The history checker: many visitors log in, write, read, renew and log out on three real nodes, while the nodes, the servers and the
//! network between them fail. Every call is recorded with its start and end, and the recorded history is checked against the promises in
//! DESIGN.md.
//!
//! ```text
//! cargo xtask torture --topology cluster --minutes 20 --seed 7
//! ```
//!
//! Every visitor has one cookie jar, which holds one cookie and is changed by responses in the order in which they arrive. Requests
//! overlap, and some carry a cookie that the jar held before, as a request does that was delayed on its way. Of the jar, three rules are checked:
//!
//! - A logout that is answered 204 ends the visitor's session, with any cookie that the jar ever held (`checker/endings.rs`).
//! - A response logs no visitor in or out unless its request had the right to (`checker/rights.rs`).
//! - The jar holds what the last rightful change has made of it (`checker/jar.rs`).
//!
//! No server can order two requests under way at the same time that both rightly set or remove a cookie. Exempt from the third rule are
//! exactly these, where the response that arrives last decides, and the report counts each kind:
//!
//! - two first visits,
//! - two writes under an id that has expired, which both begin a session,
//! - two logins or renewals, or one of them beside a first visit,
//! - a logout beside a login or a first visit,
//! - a cookie that is issued anew, under another secret, beside any of these.
//!
//! On every topology an acknowledged change has to be visible within `max_staleness`, whatever fails meanwhile, failovers included. But Redis
//! replicates asynchronously, so a primary that fails may lose the writes that it has acknowledged shortly before. Logins, renewals and
//! logouts wait for replicas, so none of them may get lost. Updates do not: the last ones before a failover are in doubt, see
//! [`checker::Doubt`], and the report says how many of them got lost.
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
mod node;
mod report;
mod scenario;
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
use crate::report::Report;
use crate::scenario::Options;
use crate::visitor::Visitor;
use crate::watch::Watch;

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(node::ROTATION).is_some() {
        return node::serve().await;
    }
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
    let options = Options {
        visitor: Visitor::new(fleet.addresses(), began),
        finder: fleet::finder(),
        bound: bound(outage),
        deadline,
        falsify: self_test,
    };
    let mut watch = Watch::begin(&fleet.servers);
    let scenarios = tokio::spawn(run_scenarios(options, rng.fork()));
    let mut faults = faults::run(&mut fleet, &mut watch, rng, began, deadline).await;
    let unwell = fleet.unwell(PATIENCE).await;
    let histories = scenarios.await.expect("scenarios do not panic");
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
        println!("Updates, logouts and cookies were falsified.");
        let falsified = [Rule::LostUpdate, Rule::Stale, Rule::LateCookie, Rule::WrongJar];
        falsified.iter().all(|rule| broken.contains_key(rule))
    } else {
        broken.is_empty() && unwell.is_empty()
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs many at the same time, and replaces each that ends by another one.
async fn run_scenarios(options: Options, mut rng: Rng) -> Vec<History> {
    let mut histories = Vec::new();
    let mut scenarios = JoinSet::new();
    let mut numbers = 0..;
    let mut begin = |scenarios: &mut JoinSet<_>| {
        if let Some(number) = numbers.next() {
            scenarios.spawn(scenario::run(options.clone(), number, rng.fork()));
        }
    };
    (0..SCENARIOS).for_each(|_| begin(&mut scenarios));
    while let Some(history) = scenarios.join_next().await {
        histories.push(history.expect("a scenario does not panic"));
        if Instant::now() < options.deadline {
            begin(&mut scenarios);
        }
    }
    histories
}

/// The time after which all nodes have to see a change, with an allowance for the clock.
fn bound(outage: Outage) -> Duration {
    let bound = match outage {
        Outage::Fail => MAX_STALENESS,
        Outage::ServeStale => MAX_STALENESS.max(SERVED_FOR),
    };
    bound + Duration::from_millis(100)
}

const SCENARIOS: usize = 24;
