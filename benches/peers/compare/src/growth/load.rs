use std::time::Duration;

use axum::http::HeaderValue;
use futures_util::future::try_join_all;
use subjects::{App, Error, request};
use tokio::time::sleep;

use super::server::Statistics;
use crate::clock::now;
use crate::results::ServerCost;

/// Requests to a node, one or more at a time, each with a session of its own.
pub(super) struct Load {
    pub(super) app: Box<dyn App>,
    pub(super) path: &'static str,
    /// Of all sessions.
    pub(super) cookies: Vec<HeaderValue>,
    /// After each request to a session, one of these nodes reads it.
    pub(super) readers: Vec<Box<dyn App>>,
}

impl Load {
    pub(super) async fn new(mut app: Box<dyn App>, path: &'static str) -> Result<Self, Error> {
        let mut cookies = Vec::new();
        for _ in 0..SESSIONS {
            cookies.push(app.log_in().await?);
        }
        Ok(Self { app, path, cookies, readers: Vec::new() })
    }

    /// Measures blocks with one request in flight, and with many, in turn. `receivers` counts what the server has sent to others.
    pub(super) async fn measure(
        &self,
        costs: &mut [ServerCost; 2],
        statistics: &mut Statistics,
        blocks: usize,
        receivers: impl Fn() -> f64,
    ) -> Result<(), Error> {
        self.send(1).await?;
        // What goes on without requests: fences and checks of all nodes.
        let (idle, begun) = (statistics.cpu()?, now());
        sleep(BLOCK).await;
        let idle = (statistics.cpu()? - idle) / begun.elapsed().as_secs_f64();
        for place in 0..2 * blocks {
            let cost = &mut costs[place % 2];
            let (cpu, received, begun) = (statistics.cpu()?, receivers(), now());
            let requests = self.send(cost.in_flight).await?;
            let seconds = begun.elapsed().as_secs_f64();
            // Until the last messages have arrived.
            let mut last = f64::NAN;
            while last != receivers() && begun.elapsed() < PATIENCE {
                last = receivers();
                sleep(PAUSE).await;
            }
            let spent = statistics.cpu()? - cpu - idle * begun.elapsed().as_secs_f64();
            cost.microseconds.push(spent / requests);
            cost.per_second.push(requests / seconds);
            cost.receivers.push((receivers() - received) / requests);
        }
        Ok(())
    }

    /// The number of requests in a block.
    async fn send(&self, in_flight: usize) -> Result<f64, Error> {
        let begun = now();
        let clients = (0..in_flight).map(async |client| {
            let mut app = self.app.boxed_clone();
            let mut readers: Vec<_> = self.readers.iter().map(|reader| reader.boxed_clone()).collect();
            let mut requests = 0.0;
            // Each client has sessions of its own, which it uses in turn.
            let cookies = self.cookies.iter().enumerate().skip(client).step_by(in_flight).cycle();
            for (number, cookie) in cookies {
                send(&mut *app, self.path, cookie).await?;
                if !readers.is_empty() {
                    let reader = number % readers.len();
                    send(&mut *readers[reader], "/read", cookie).await?;
                }
                requests += 1.0;
                if begun.elapsed() >= BLOCK {
                    break;
                }
            }
            Ok::<f64, Error>(requests)
        });
        Ok(try_join_all(clients).await?.iter().sum())
    }
}

async fn send(app: &mut dyn App, path: &'static str, cookie: &HeaderValue) -> Result<(), Error> {
    let status = app.send(request(path, Some(cookie.clone()))).await.status();
    if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}").into()) }
}

/// Costs with one request in flight, and with many.
pub(super) fn empty(name: &str) -> [ServerCost; 2] {
    [1, MANY].map(|in_flight| ServerCost {
        name: name.to_owned(),
        in_flight,
        receivers: Vec::new(),
        microseconds: Vec::new(),
        per_second: Vec::new(),
    })
}

const MANY: usize = 32;
const SESSIONS: usize = 64;
const BLOCK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(5);
