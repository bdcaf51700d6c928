mod parts;

use std::process::Command;
use std::time::Duration;

use axum::http::request::Parts as RequestHead;
use handstamp_testkit::RedisServer;
use subjects::{Allocations, CASES, Case, Counted, Error, Placement, Subject, Target};
use tokio::time::sleep;

use self::parts::Part;
use crate::cpu::{pin, process_cpu};
use crate::quiet::Quiet;
use crate::results::{InProcess, InProcessRows, PartOfRead};

/// Blocks of equal requests to each application take turns. Every block is compared with the one of the bare router in the same
/// round, so that other load on the machine affects both alike.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<InProcessRows, Error> {
    let rounds = if quick { 31 } else { 101 };
    pin(REDIS_CORE)?;
    let redis = RedisServer::start().await;
    pin(CORE)?;
    eprintln!("in-process: counting allocations");
    let Counted { requests: allocations, messages } = allocations(&redis.url())?;
    let mut targets = Target::all(&redis.url()).await?;
    let mut rows = InProcessRows { requests: Vec::new(), parts: Vec::new(), message_allocations: messages };
    for case in CASES {
        eprintln!("in-process: {}", case.name);
        let mut parts = Vec::new();
        if case.name == "read" {
            let target = targets.iter().find(|target| target.subject == Subject::HandstampRedis);
            parts = parts::all(&target.ok_or("there is no node on Redis")?.cookie)?;
        }
        rows.requests
            .extend(measure_case(&case, &mut targets, &mut parts, rounds, &allocations, quiet).await?);
        rows.parts.extend(parts.into_iter().map(PartOfRead::from));
    }
    Ok(rows)
}

async fn measure_case(
    case: &Case,
    targets: &mut [Target],
    parts: &mut [Part],
    rounds: usize,
    allocations: &[Allocations],
    quiet: &mut Quiet,
) -> Result<Vec<InProcess>, Error> {
    let mut measured: Vec<Measured<'_>> = Vec::new();
    for target in targets.iter_mut().filter(|target| target.subject.measured_in(case)) {
        measured.push(Measured::new(case, target).await?);
    }
    let cpu = quiet.wait().await?;
    for round in 0..rounds {
        for place in 0..measured.len() {
            // The bare router is the first of every round; the order of the others alternates.
            let place = if round % 2 == 0 { place } else { (measured.len() - place) % measured.len() };
            measured[place].send_block().await;
        }
        parts.iter_mut().for_each(Part::run_block);
    }
    let foreign_cpu = quiet.ended(&cpu)?;
    let bare = measured[0].nanoseconds.clone();
    let row = |measured: Measured<'_>| {
        let (subject, placement) = (measured.target.subject.label(), measured.target.placement);
        let is_this = |counted: &&Allocations| {
            counted.case == case.name && counted.subject == subject && counted.placement == placement
        };
        let counted = allocations.iter().find(is_this).ok_or("no allocations were counted")?;
        Ok(InProcess {
            case: case.name.to_owned(),
            subject: subject.to_owned(),
            placement,
            added: measured.nanoseconds.iter().zip(&bare).map(|(time, bare)| (time - bare).round()).collect(),
            nanoseconds: measured.nanoseconds,
            cpu_nanoseconds: measured.cpu_nanoseconds,
            allocations: counted.count,
            allocated_bytes: counted.bytes,
            foreign_cpu,
        })
    };
    measured.into_iter().map(row).collect()
}

/// An application and its blocks.
#[derive(Debug)]
struct Measured<'t> {
    target: &'t mut Target,
    request: RequestHead,
    /// In each block, so that blocks take about as long.
    requests: u32,
    /// A request, by block.
    nanoseconds: Vec<f64>,
    cpu_nanoseconds: Vec<f64>,
}

impl<'t> Measured<'t> {
    async fn new(case: &Case, target: &'t mut Target) -> Result<Self, Error> {
        let status = target.started.app.send(case.request(&target.cookie)).await.status();
        if !status.is_success() {
            return Err(format!("{}, {}: {status}", target.subject.label(), case.name).into());
        }
        let (request, _) = case.request(&target.cookie).into_parts();
        target.started.app.send_block(&request, 100).await;
        let time = target.started.app.send_block(&request, 100).await;
        let requests = (BLOCK.as_secs_f64() / time.as_secs_f64() * 100.0).clamp(10.0, 4_000.0) as u32;
        Ok(Self { target, request, requests, nanoseconds: Vec::new(), cpu_nanoseconds: Vec::new() })
    }

    async fn send_block(&mut self) {
        // Tasks in the background run between blocks.
        sleep(Duration::from_millis(1)).await;
        let cpu = process_cpu();
        let time = self.target.started.app.send_block(&self.request, self.requests).await;
        let each = |seconds: f64| (seconds * 1e9 / f64::from(self.requests)).round();
        self.cpu_nanoseconds.push(each(process_cpu() - cpu));
        self.nanoseconds.push(each(time.as_secs_f64()));
    }
}

/// Runs the program that counts them.
fn allocations(redis_url: &str) -> Result<Counted, Error> {
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

impl From<Part> for PartOfRead {
    fn from(part: Part) -> Self {
        Self { name: part.name.to_owned(), nanoseconds: part.nanoseconds }
    }
}

impl InProcess {
    /// Whether this is a row of the application, around its router.
    pub(crate) fn is_of(&self, case: &str, subject: Subject) -> bool {
        self.case == case && self.subject == subject.label() && self.placement == Placement::Around
    }
}

/// How long a block takes.
const BLOCK: Duration = Duration::from_millis(4);
const CORE: usize = 0;
const REDIS_CORE: usize = 1;
