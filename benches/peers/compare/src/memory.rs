use std::process::Command;
use std::time::Duration;

use handstamp_testkit::RedisServer;
use subjects::{Error, Instance, Subject, request};

use crate::Application;
use crate::cpu::{pin, resident_memory};
use crate::quiet::Quiet;
use crate::results::Memory;

/// Each cache is filled by logins, in a process of its own.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Vec<Memory>, Error> {
    let sessions = if quick { 50_000 } else { 1_000_000 };
    let mut rows = Vec::new();
    for subject in SUBJECTS {
        eprintln!("memory: {sessions} sessions of {}", subject.label());
        let cpu = quiet.wait().await?;
        // A server of its own, too: it ends with the sessions.
        pin(1)?;
        let redis = RedisServer::start().await;
        pin(0)?;
        let output = Command::new(std::env::current_exe()?)
            .args(["fill", &subject.argument(), "--redis-url", &redis.url()])
            .args(["--sessions", &sessions.to_string()])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        quiet.ended(&cpu)?;
        rows.push(serde_json::from_slice(&output.stdout)?);
    }
    Ok(rows)
}

/// Fills the cache of one application, and prints the row.
#[expect(clippy::print_stdout, reason = "the process that has started this one reads it")]
pub(crate) fn fill(application: &Application) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let row: Result<Memory, Error> = runtime.block_on(async {
        let subject = application.subject;
        let instance = Instance { cache_ttl: LONG, ..Instance::new(&application.redis_url) };
        let started = subject.start(&instance).await?;
        let (login, _) = request("/login", None).into_parts();
        started.app.send_concurrently(&login, WARM_UP).await;
        let bytes_before = resident_memory()?;
        let mut missing = application.sessions;
        // On a busy machine, a login may run out of its time.
        for _ in 0..ATTEMPTS {
            missing = started.app.send_concurrently(&login, missing).await;
        }
        if missing > 0 {
            return Err("some logins failed again and again".into());
        }
        let bytes_after = resident_memory()?;
        if let Some(node) = started.node
            && node.cached_sessions() < application.sessions
        {
            return Err(format!("only {} sessions are in the cache", node.cached_sessions()).into());
        }
        let subject = subject.label().to_owned();
        Ok(Memory { subject, sessions: application.sessions, bytes_before, bytes_after })
    });
    println!("{}", serde_json::to_string(&row?)?);
    Ok(())
}

/// Sessions with a store in memory are in it; the others are in the cache.
const SUBJECTS: [Subject; 4] = [
    Subject::HandstampRedis,
    Subject::TowerSessionsMemory,
    Subject::TowerSessionsMoka,
    Subject::AxumSessionMemory,
];

/// Longer than the measurement.
const LONG: Duration = Duration::from_secs(3_600);
/// After these, pools and buffers have their size.
const WARM_UP: usize = 1_000;
const ATTEMPTS: usize = 10;
