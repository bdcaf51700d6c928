use std::fs;
use std::process::Command;
use std::time::Duration;

use handstamp_testkit::RedisServer;
use subjects::{Error, HEADERS, Subject};
use tempfile::TempDir;

use crate::cpu::{CpuUse, pin};
use crate::quiet::Quiet;
use crate::results::Http;
use crate::server::Server;

/// Each server has a core of its own, and takes turns with the others. wrk and Redis share the other core.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Vec<Http>, Error> {
    let (rounds, seconds) = if quick { (2, 1) } else { (5, 5) };
    pin(LOAD_CORE)?;
    let redis = RedisServer::start().await;
    let files = tempfile::tempdir()?;
    let mut servers = Vec::new();
    for subject in SUBJECTS {
        eprintln!("http: logging in to {}", subject.label());
        pin(SERVER_CORE)?;
        let server = Server::start(subject, &redis.url())?;
        pin(LOAD_CORE)?;
        servers.push(Target::new(subject, server, &files)?);
    }
    for server in &servers {
        server.run_wrk(&files, "/read", 1)?;
    }
    let mut rows: Vec<Http> =
        PATHS.into_iter().flat_map(|path| SUBJECTS.map(|subject| empty(path, subject))).collect();
    for round in 0..rounds {
        for path in PATHS {
            eprintln!("http: {path}, round {} of {rounds}", round + 1);
            let mut bare = 0.0;
            for place in 0..servers.len() {
                // The bare router is the first of every round; the order of the others alternates.
                let server =
                    &servers[if round % 2 == 0 { place } else { (servers.len() - place) % servers.len() }];
                // A short run does not wait for each of them.
                let cpu = if place == 0 || !quick { quiet.wait().await? } else { CpuUse::until_now()? };
                let outcome = server.run_wrk(&files, path, seconds)?;
                if server.subject == Subject::Bare {
                    bare = outcome.requests_per_second;
                }
                let row =
                    rows.iter_mut().find(|row| row.path == path && row.subject == server.subject.label());
                row.ok_or("no row")?.add(&outcome, bare, quiet.ended(&cpu)?);
            }
        }
    }
    Ok(rows)
}

/// A server with sessions.
#[derive(Debug)]
struct Target {
    subject: Subject,
    server: Server,
}

/// What one run of wrk has found.
#[derive(Debug)]
struct Outcome {
    requests_per_second: f64,
    p50_microseconds: f64,
    p99_microseconds: f64,
    errors: u64,
}

impl Target {
    fn new(subject: Subject, server: Server, files: &TempDir) -> Result<Self, Error> {
        let mut cookies = String::new();
        for _ in 0..SESSIONS {
            cookies += &(server.log_in()? + "\n");
        }
        let headers: String = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        fs::write(files.path().join("wrk.lua"), include_str!("wrk.lua"))?;
        fs::write(files.path().join("headers"), headers)?;
        fs::write(files.path().join(subject.argument()), cookies)?;
        Ok(Self { subject, server })
    }

    fn run_wrk(&self, files: &TempDir, path: &str, seconds: u32) -> Result<Outcome, Error> {
        let duration = format!("-d{seconds}s");
        let output = Command::new("wrk")
            .args(["-t1", "-c32", &duration, "-s", "wrk.lua", &self.server.url(), "--", path, "headers"])
            .arg(self.subject.argument())
            .current_dir(files.path())
            .output()
            .map_err(|error| format!("cannot run wrk: {error}. Install it with `cargo xtask setup`"))?;
        parse(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| format!("wrk failed: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// Reads the line that the script prints.
fn parse(output: &str) -> Option<Outcome> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [requests, microseconds, p50, p99, errors] = numbers[..] else { return None };
    Some(Outcome {
        requests_per_second: requests as f64 / Duration::from_micros(microseconds).as_secs_f64(),
        p50_microseconds: p50 as f64,
        p99_microseconds: p99 as f64,
        errors,
    })
}

fn empty(path: &str, subject: Subject) -> Http {
    Http {
        path: path.to_owned(),
        subject: subject.label().to_owned(),
        requests_per_second: Vec::new(),
        ratio: Vec::new(),
        p50_microseconds: Vec::new(),
        p99_microseconds: Vec::new(),
        errors: 0,
        foreign_cpu: Vec::new(),
    }
}

impl Http {
    fn add(&mut self, outcome: &Outcome, bare: f64, foreign_cpu: f64) {
        self.requests_per_second.push(outcome.requests_per_second);
        self.ratio.push(outcome.requests_per_second / bare);
        self.p50_microseconds.push(outcome.p50_microseconds);
        self.p99_microseconds.push(outcome.p99_microseconds);
        self.errors += outcome.errors;
        self.foreign_cpu.push(foreign_cpu);
    }
}

const PATHS: [&str; 2] = ["/read", "/write"];

/// The first one is the one that the others are compared with.
const SUBJECTS: [Subject; 9] = [
    Subject::Bare,
    Subject::HandstampRedis,
    Subject::HandstampRedisRs,
    Subject::TowerSessionsMemory,
    Subject::TowerSessionsMoka,
    Subject::TowerSessionsRedis,
    Subject::AxumSessionRedis,
    Subject::ActixBare,
    Subject::ActixRedis,
];

/// Requests use these in turn.
const SESSIONS: usize = 1_000;
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let outcome = parse("Running 1s test\nRESULT 60000 2000000 401 2609 0\n").unwrap();
        assert_eq!((outcome.requests_per_second, outcome.p99_microseconds), (30_000.0, 2_609.0));
        assert!(parse("unable to connect").is_none());
    }
}
