use std::sync::{Arc, Barrier};

use axum::http::HeaderValue;
use futures_util::future::try_join_all;
use handstamp_testkit::RedisServer;
use subjects::{App, Error, Instance, Subject, request};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use crate::cpu::pin;
use crate::quiet::Quiet;
use crate::results::HotSession;

/// Cached reads through the router on one core, and on two at once: of the same session, and of a session each. The bare router shows
/// how much of the difference is due to the machine.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Vec<HotSession>, Error> {
    let rounds = if quick { 7 } else { 41 };
    pin(1)?;
    let redis = RedisServer::start().await;
    pin(0)?;
    let (mut apps, mut rows) = (Vec::new(), Vec::new());
    for subject in SUBJECTS {
        let mut started = subject.start(&Instance::new(&redis.url())).await?;
        let cookies = [started.app.log_in().await?, started.app.log_in().await?];
        apps.push((started, cookies));
        rows.push(HotSession {
            subject: subject.label().to_owned(),
            one_thread: Vec::new(),
            two_threads: Vec::new(),
            two_sessions: Vec::new(),
        });
    }
    eprintln!("hot-session: {rounds} rounds");
    let cpu = quiet.wait().await?;
    for _ in 0..rounds {
        for ((started, [first, second]), row) in apps.iter().zip(&mut rows) {
            let app = &*started.app;
            row.one_thread.push(read(app, &[first]).await?);
            row.two_threads.push(read(app, &[first, first]).await?);
            row.two_sessions.push(read(app, &[first, second]).await?);
        }
    }
    quiet.ended(&cpu)?;
    Ok(rows)
}

/// Nanoseconds a read, with a thread on a core of its own for each cookie.
async fn read(app: &dyn App, cookies: &[&HeaderValue]) -> Result<f64, Error> {
    let all_are_ready = Arc::new(Barrier::new(cookies.len()));
    let threads = cookies.iter().enumerate().map(async |(core, cookie)| {
        let (mut app, all_are_ready) = (app.boxed_clone(), all_are_ready.clone());
        let (head, _) = request("/read", Some((*cookie).clone())).into_parts();
        let thread = spawn_blocking(move || {
            let pinned = pin(core);
            let runtime = Builder::new_current_thread().enable_all().build();
            // Also after an error, so that the other thread does not wait forever.
            all_are_ready.wait();
            pinned?;
            let runtime = runtime?;
            runtime.block_on(app.send_block(&head, READS / 10));
            let time = runtime.block_on(app.send_block(&head, READS));
            Ok::<_, Error>(time.as_secs_f64() * 1e9 / f64::from(READS))
        });
        thread.await?
    });
    let times = try_join_all(threads).await?;
    Ok(times.iter().sum::<f64>() / times.len() as f64)
}

const SUBJECTS: [Subject; 5] = [
    Subject::Bare,
    Subject::HandstampRedis,
    Subject::TowerSessionsMemory,
    Subject::TowerSessionsMoka,
    Subject::AxumSessionMemory,
];

const READS: u32 = 8_000;
