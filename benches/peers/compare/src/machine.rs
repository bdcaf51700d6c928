use std::fs;
use std::process::Command;

use cargo_lock::Lockfile;
use serde::{Deserialize, Serialize};
use subjects::Error;

/// Where, when and with what a measurement was made.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) cpu: String,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) redis: String,
    pub(crate) wrk: String,
    /// Of the packages that matter, from the lock file.
    pub(crate) packages: Vec<String>,
}

impl Machine {
    pub(crate) fn this() -> Result<Self, Error> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let models = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let models: Vec<&str> = models.map(|(_, model)| model).collect();
        let model = models.first().copied().unwrap_or("unknown processor");
        Ok(Self {
            date: first_line("date", &["-u", "+%e %B %Y, %H:%M UTC"]),
            commit: commit(),
            cpu: format!("{} cores of {model}", models.len()),
            kernel: first_line("uname", &["-sr"]),
            rustc: first_line("rustc", &["--version"]),
            redis: words(&first_line("redis-server", &["--version"]), 3),
            wrk: words(&first_line("wrk", &["--version"]), 2),
            packages: packages()?,
        })
    }
}

fn commit() -> String {
    let commit = first_line("git", &["-C", crate::REPOSITORY, "rev-parse", "--short=9", "HEAD"]);
    let changes = first_line("git", &["-C", crate::REPOSITORY, "status", "--porcelain", "crates", "benches"]);
    if changes == UNKNOWN { commit } else { format!("{commit} with changes") }
}

/// The first line that a program prints; some print their version and fail.
fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().and_then(|text| Some(text.lines().next()?.to_owned())).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The first words: others name a build, or the author.
fn words(text: &str, count: usize) -> String {
    text.split(' ').take(count).collect::<Vec<_>>().join(" ")
}

fn packages() -> Result<Vec<String>, Error> {
    let lock = Lockfile::load(LOCK_FILE)?;
    let packages = lock.packages.iter().filter(|package| PACKAGES.contains(&package.name.as_str()));
    Ok(packages.map(|package| format!("{} {}", package.name, package.version)).collect())
}

const UNKNOWN: &str = "unknown";

const LOCK_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");

const PACKAGES: [&str; 17] = [
    "actix-session",
    "actix-web",
    "axum",
    "axum_session",
    "axum_session_redispool",
    "fred",
    "handstamp",
    "hyper",
    "moka",
    "redis",
    "redis_pool",
    "tokio",
    "tower",
    "tower-cookies",
    "tower-sessions",
    "tower-sessions-moka-store",
    "tower-sessions-redis-store",
];
