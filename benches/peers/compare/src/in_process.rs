use std::process::Command;
use std::time::Duration;

use axum::http::request::Parts;
use handstamp_testkit::RedisServer;
use subjects::{Allocations, CASES, Case, Error, Target};
use tokio::time::sleep;

use crate::DEFAULT_CACHE_TTL;
use crate::cpu::{CpuUse, Quiet, pin};
use crate::results::InProcess;

/// Blocks of equal requests to each application take turns. Every block is compared with the one of the bare router in the same
/// round, so that other load on the machine affects both alike.
pub(crate) async fn measure(quick: bool) -> Result<Vec<InProcess>, Error> {
    let rounds = if quick { 31 } else { 101 };
    pin(REDIS_CORE)?;
    let redis = RedisServer::start().await;
    pin(CORE)?;
    eprintln!("in-process: counting allocations");
    let allocations = allocations(&redis.url())?;
    let mut targets = Target::all(&redis.url(), DEFAULT_CACHE_TTL).await?;
    let (mut quiet, mut rows) = (Quiet::new(), Vec::new());
    for case in CASES {
        eprintln!("in-process: {}", case.name);
        quiet.wait().await?;
        rows.extend(measure_case(&case, &mut targets, rounds, &allocations).await?);
    }
    Ok(rows)
}

async fn measure_case(
    case: &Case,
    targets: &mut [Target],
    rounds: usize,
    allocations: &[Allocations],
) -> Result<Vec<InProcess>, Error> {
    let cpu = CpuUse::until_now()?;
    let mut series = Vec::new();
    for target in &mut *targets {
        series.push(Series::new(case, target).await?);
    }
    for round in 0..rounds {
        for place in 0..targets.len() {
            // The bare router is the first of every round; the order of the others alternates.
            let place = if round % 2 == 0 { place } else { (targets.len() - place) % targets.len() };
            series[place].send_block(&mut targets[place]).await;
        }
    }
    let foreign_cpu = cpu.foreign_share()?;
    let bare = series[0].nanoseconds.clone();
    let row = |(target, series): (&Target, Series)| {
        let is_this = |counted: &&Allocations| {
            counted.case == case.name
                && counted.subject == target.subject.label()
                && counted.placement == target.placement
        };
        let counted = allocations.iter().find(is_this).ok_or("no allocations were counted")?;
        Ok(InProcess {
            case: case.name.to_owned(),
            subject: target.subject.label().to_owned(),
            placement: target.placement,
            added: series.nanoseconds.iter().zip(&bare).map(|(time, bare)| (time - bare).round()).collect(),
            nanoseconds: series.nanoseconds,
            allocations: counted.count,
            allocated_bytes: counted.bytes,
            foreign_cpu,
        })
    };
    targets.iter().zip(series).map(row).collect()
}

/// The blocks of an application.
#[derive(Debug)]
struct Series {
    request: Parts,
    /// In each block, so that blocks take about as long.
    requests: u32,
    /// A request, by block.
    nanoseconds: Vec<f64>,
}

impl Series {
    async fn new(case: &Case, target: &mut Target) -> Result<Self, Error> {
        let status = target.started.app.send(case.request(&target.cookie)).await.status();
        if !status.is_success() {
            return Err(format!("{}, {}: {status}", target.subject.label(), case.name).into());
        }
        let (request, _) = case.request(&target.cookie).into_parts();
        target.started.app.send_block(&request, 100).await;
        let time = target.started.app.send_block(&request, 100).await;
        let requests = BLOCK.as_secs_f64() / time.as_secs_f64() * 100.0;
        Ok(Self { request, requests: requests.clamp(10.0, 4_000.0) as u32, nanoseconds: Vec::new() })
    }

    async fn send_block(&mut self, target: &mut Target) {
        // Tasks in the background run between blocks.
        sleep(Duration::from_millis(1)).await;
        let time = target.started.app.send_block(&self.request, self.requests).await;
        self.nanoseconds.push((time.as_secs_f64() * 1e9 / f64::from(self.requests)).round());
    }
}

/// Runs the program that counts them.
fn allocations(redis_url: &str) -> Result<Vec<Allocations>, Error> {
    let program = std::env::current_exe()?.with_file_name("allocations");
    let output = Command::new(&program)
        .arg(redis_url)
        .output()
        .map_err(|error| format!("cannot run {}: {error}. Build the whole workspace", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// How long a block takes.
const BLOCK: Duration = Duration::from_millis(4);
const CORE: usize = 0;
const REDIS_CORE: usize = 1;
