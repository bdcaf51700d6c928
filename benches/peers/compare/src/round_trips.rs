use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use handstamp_app::{Node, Settings};
use handstamp_testkit::{RedisServer, redis};
use subjects::{App, Case, Cookie, Error, Instance, Started, Subject};
use tokio::time::sleep;

use crate::clock::now;
use crate::quiet::Quiet;
use crate::results::RoundTrips;

/// Counts what the server reads and runs for requests of each kind. Load on the machine does not matter.
pub(crate) async fn measure(quick: bool, _quiet: &mut Quiet) -> Result<Vec<RoundTrips>, Error> {
    let requests = if quick { 100 } else { 500 };
    let mut rows = Vec::new();
    for subject in Subject::TOWER.into_iter().filter(|subject| subject.has_sessions() && subject.uses_redis())
    {
        eprintln!("round-trips: {}", subject.label());
        // A server of its own, so that only this application uses it.
        let redis = RedisServer::start().await;
        let counter = Counter::new(&redis, subject)?;
        rows.extend(count(counter, &redis, subject, requests).await?);
    }
    Ok(rows)
}

async fn count(
    mut counter: Counter,
    redis: &RedisServer,
    subject: Subject,
    requests: u32,
) -> Result<Vec<RoundTrips>, Error> {
    let mut first = subject.start(&instance(redis, 1)).await?;
    let mut second = subject.start(&instance(redis, 2)).await?;
    counter.learn_background().await?;
    let cookie = first.app.log_in().await?;
    let same = vec![cookie.clone(); requests as usize];
    let mut rows = Vec::new();
    for (name, path, kind) in [
        ("cached read", "/read", Cookie::Valid),
        ("no cookie", "/plain", Cookie::Missing),
        ("forged cookie", "/plain", Cookie::Forged),
        ("write", "/write", Cookie::Valid),
    ] {
        rows.push(counter.count(name, &mut first, (path, kind), &same).await?);
    }
    let mut sessions = Vec::new();
    for _ in 0..requests {
        sessions.push(first.app.log_in().await?);
    }
    let read = ("/read", Cookie::Valid);
    rows.push(counter.count("miss: read on another node", &mut second, read, &sessions).await?);
    if first.node.is_some() {
        rows.push(counter.count("logout", &mut first, ("/logout", Cookie::Valid), &sessions).await?);
        rows.push(counter.count_touches(redis).await?);
    }
    Ok(rows)
}

fn instance(redis: &RedisServer, number: u8) -> Instance {
    Instance { node_id: format!("node-{number}"), ..Instance::new(&redis.url()) }
}

/// Reads the statistics of a server over a connection of its own.
struct Counter {
    subject: Subject,
    connection: redis::Connection,
    /// Reads a second without requests.
    background: f64,
}

impl Counter {
    fn new(redis: &RedisServer, subject: Subject) -> Result<Self, Error> {
        let connection = redis::Client::open(redis.url())?.get_connection()?;
        Ok(Self { subject, connection, background: 0.0 })
    }

    /// Fences and checks go on all the time.
    async fn learn_background(&mut self) -> Result<(), Error> {
        // Connections have been made by then.
        sleep(Duration::from_millis(200)).await;
        let before = self.sample()?;
        sleep(Duration::from_millis(500)).await;
        let after = self.sample()?;
        self.background = after.reads_since(&before) / after.seconds_since(&before);
        Ok(())
    }

    /// Requests with each of these cookies, one after the other.
    async fn count(
        &mut self,
        name: &str,
        started: &mut Started,
        (path, kind): (&'static str, Cookie),
        cookies: &[HeaderValue],
    ) -> Result<RoundTrips, Error> {
        let case = Case { name: "", path, cookie: kind };
        let before = self.sample()?;
        for cookie in cookies {
            send(&mut *started.app, &case, cookie).await?;
        }
        let after = self.sample()?;
        Ok(self.row(name, &before, &after, cookies.len() as u32))
    }

    /// Reads of one session during a whole idle timeout, for each tenth of it.
    async fn count_touches(&mut self, redis: &RedisServer) -> Result<RoundTrips, Error> {
        let (idle_timeout, namespace) = (IDLE_TIMEOUT, "touches".to_owned());
        let settings = Settings { idle_timeout, namespace, ..Settings::on_redis(&redis.url()) };
        let node = Node::start(&settings).await?;
        let mut app = subjects::around(&node);
        let case = Case { name: "", path: "/read", cookie: Cookie::Valid };
        let cookie = app.log_in().await?;
        let before = self.sample()?;
        while before.at.elapsed() < IDLE_TIMEOUT {
            send(&mut *app, &case, &cookie).await?;
            sleep(Duration::from_millis(5)).await;
        }
        let after = self.sample()?;
        let mut row = self.row(TOUCHES, &before, &after, 10);
        // In such a long time, the background varies by more than a touch.
        row.round_trips =
            row.commands.iter().filter(|(name, _)| name == "EVALSHA").map(|(_, calls)| calls).sum();
        Ok(row)
    }

    fn sample(&mut self) -> Result<Sample, Error> {
        let info: String = redis::cmd("INFO").arg("all").query(&mut self.connection)?;
        let mut sample = Sample { at: now(), reads: 0.0, commands: BTreeMap::new() };
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            if name == "total_reads_processed" {
                sample.reads = value.trim().parse()?;
            } else if let Some(command) = name.strip_prefix("cmdstat_") {
                let calls = value.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
                sample.commands.insert(command.to_uppercase(), calls.unwrap_or_default().parse()?);
            }
        }
        Ok(sample)
    }

    fn row(&self, name: &str, before: &Sample, after: &Sample, requests: u32) -> RoundTrips {
        let each = |count: f64| count / f64::from(requests);
        let background = self.background * after.seconds_since(before);
        let calls = |(command, calls): (&String, &f64)| {
            let calls = calls - before.commands.get(command).copied().unwrap_or_default();
            // Rarer ones belong to the background.
            let counts = !BACKGROUND.contains(&command.as_str()) && each(calls) >= 0.05;
            counts.then(|| (command.clone(), each(calls)))
        };
        RoundTrips {
            subject: self.subject.label().to_owned(),
            request: name.to_owned(),
            requests,
            round_trips: each((after.reads_since(before) - background).max(0.0)),
            commands: after.commands.iter().filter_map(calls).collect(),
        }
    }
}

/// The statistics at an instant.
#[derive(Debug)]
struct Sample {
    at: Instant,
    reads: f64,
    commands: BTreeMap<String, f64>,
}

impl Sample {
    /// Without the one that has brought the later sample.
    fn reads_since(&self, before: &Self) -> f64 {
        self.reads - before.reads - 1.0
    }

    fn seconds_since(&self, before: &Self) -> f64 {
        self.at.duration_since(before.at).as_secs_f64()
    }
}

async fn send(app: &mut dyn App, case: &Case, cookie: &HeaderValue) -> Result<(), Error> {
    let status = app.send(case.request(cookie)).await.status();
    if status.is_success() { Ok(()) } else { Err(format!("{}: {status}", case.path).into()) }
}

/// How the report calls the reads that touch a session.
pub(crate) const TOUCHES: &str = "touch: reads during a tenth of the idle timeout";
/// Short, so that a whole one passes during the measurement.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands of connections, fences and checks.
const BACKGROUND: [&str; 8] =
    ["CLIENT|SETINFO", "CLIENT|SETNAME", "HELLO", "INFO", "PING", "ROLE", "SUBSCRIBE", "TIME"];
