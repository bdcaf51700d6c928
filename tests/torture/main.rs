//! The history checker: many visitors log in, write, read, renew and log out on three real nodes, while the nodes, the servers and the
//! network between them fail. Every call is recorded with its start and end, and the recorded history is checked against the promises
//! P1 to P10.
//!
//! ```text
//! cargo xtask torture --topology cluster --minutes 20 --seed 7
//! ```
//!
//! Every visitor has one cookie jar with one cookie. Responses change it in the order in which they arrive. Requests overlap, and some
//! carry an earlier cookie of the jar, like a request that was delayed by the network. Three rules of the jar are checked:
//!
//! - A logout with status 204 ends the visitor's session, with any cookie that the jar ever contained (`checker/endings.rs`).
//! - A response logs a visitor in or out only if its request was entitled to it (`checker/rights.rs`).
//! - The jar contains the result of the last entitled change (`checker/jar.rs`).
//!
//! No server can order two concurrent requests that are both entitled to set or remove a cookie. Exactly these are exempt from the third
//! rule; the response that arrives last decides, and the report counts each kind:
//!
//! - two first visits,
//! - two writes under an expired id, which both begin a session,
//! - two logins or renewals, or one of them and a first visit,
//! - a logout and a login or a first visit,
//! - a cookie that is reissued under another secret, and any of these.
//!
//! On every topology, an acknowledged change has to be visible within `max_staleness`, also during faults and failovers. But Redis
//! replicates asynchronously, so a failing primary may lose the writes that it acknowledged last. Logins, renewals and logouts wait for
//! replicas, so none of them may get lost. Updates do not wait: the last ones before a failover are uncertain (see
//! [`checker::LossWindow`]), and the report counts those that were lost.
//!
//! Exit codes: 0 if every promise was kept, 1 if one was broken, 2 if the command line is invalid.

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
    let unhealthy = fleet.unhealthy(PATIENCE).await;
    let histories = scenarios.await.expect("scenarios do not panic");
    watch.check(&fleet.servers, &BTreeSet::new(), began, &mut faults);
    let mut report = Report::default();
    for history in histories {
        let findings = checker::check(&history, bound(outage), &faults.loss_windows);
        report.add(history, findings, &faults);
    }
    report.print(&faults);
    let broken = report.broken();
    if !broken.is_empty() || !unhealthy.is_empty() {
        (0..NODES).for_each(|node| fleet.save_log(node));
        println!("\nThe logs of the nodes are in {}", fleet.logs().display());
    }
    if !unhealthy.is_empty() {
        println!("Not healthy {PATIENCE:?} after the last fault: nodes {unhealthy:?}");
    }
    println!("The seed was {seed}.");
    let good = if self_test {
        println!("Updates, logouts and cookies were falsified.");
        let falsified = [Rule::LostUpdate, Rule::Stale, Rule::LateCookie, Rule::WrongJar];
        falsified.iter().all(|rule| broken.contains_key(rule))
    } else {
        broken.is_empty() && unhealthy.is_empty()
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs many scenarios at the same time, and starts another one for each that ends.
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

/// The time after which a change has to be visible on all nodes, with a tolerance for the clock.
fn bound(outage: Outage) -> Duration {
    let bound = match outage {
        Outage::Fail => MAX_STALENESS,
        Outage::ServeStale => MAX_STALENESS.max(SERVED_FOR),
    };
    bound + Duration::from_millis(100)
}

const SCENARIOS: usize = 24;
