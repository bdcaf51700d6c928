//! Throughput of 32 clients that update one session, against 32 that update a session each, on a real Redis; on one
//! node, and on three.
//!
//! `cargo xtask bench` runs it.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a benchmark")]

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use handstamp::{Config, Session, SessionData, SessionLayer, Sessions};
use handstamp_testkit::{RedisServer, random_secret};
use http::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tower::ServiceExt;

#[derive(Clone, Default, Deserialize, Serialize)]
struct Visitor {
    visits: u64,
}

impl SessionData for Visitor {}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        println!(
            "{:10} {:>26} {:>26} {:>8}",
            "nodes", "32 sessions, updates/s", "1 session, updates/s", "ratio"
        );
        for nodes in [1, 3] {
            let redis = RedisServer::start().await;
            let (secret, mut apps) = (random_secret(), Vec::new());
            for number in 0..nodes {
                apps.push(app(&redis, &secret, number).await);
            }
            let (mut many, mut one) = (Vec::new(), Vec::new());
            for _ in 0..BLOCKS {
                let mut cookies = Vec::new();
                for _ in 0..CLIENTS {
                    cookies.push(cookie(&apps[0]).await);
                }
                many.push(updates(&apps, &cookies).await);
                one.push(updates(&apps, &vec![cookies[0].clone(); CLIENTS]).await);
            }
            let [many, one] = [many, one].map(median);
            println!("{nodes:<10} {many:>26.0} {one:>26.0} {:>8.2}", one / many);
        }
    });
    Ok(())
}

async fn app(redis: &RedisServer, secret: &str, number: usize) -> Router {
    let config =
        Config::new().session_secret(secret).node_id(format!("node-{number}")).redis_url(redis.url());
    let sessions = Sessions::start(config).await.expect("a node");
    Router::new().route("/", post(visit)).layer(SessionLayer::<Visitor>::new(&sessions))
}

async fn visit(session: Session<Visitor>) {
    session.update(|visitor| visitor.visits += 1);
}

async fn cookie(app: &Router) -> String {
    let response = app.clone().oneshot(Request::post("/").body(Body::empty()).expect("a request")).await;
    let response = response.expect("a response");
    let cookie = response.headers()[header::SET_COOKIE].to_str().expect("ASCII");
    cookie.split(';').next().expect("a pair").to_owned()
}

/// Updates in a second, by a client for each cookie.
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
async fn updates(apps: &[Router], cookies: &[String]) -> f64 {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for (cookie, app) in cookies.iter().zip(apps.iter().cycle()) {
        let (cookie, app) = (cookie.clone(), app.clone());
        clients.spawn(async move {
            let mut count = 0;
            while begun.elapsed() < BLOCK {
                let request = Request::post("/").header(header::COOKIE, &cookie).body(Body::empty());
                let response = app.clone().oneshot(request.expect("a request")).await.expect("a response");
                assert_eq!(response.status(), StatusCode::OK);
                count += 1;
            }
            f64::from(count)
        });
    }
    let counts = clients.join_all().await;
    counts.iter().sum::<f64>() / begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const CLIENTS: usize = 32;
const BLOCKS: usize = 7;
const BLOCK: Duration = Duration::from_millis(500);
