use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::FutureExt;
use handstamp_app::{Node, Settings};
use subjects::{Error, request};
use tower::{Layer, Service, ServiceExt};

use crate::two_threads::{at_once, median};

/// How long a request takes that reads its session, while another thread reads the same one, or another.
pub(crate) fn measure(quick: bool) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let node = runtime.block_on(Node::start(&Settings { cache_ttl: HOUR, ..Settings::default() }))?;
    let bare: Router = bare::routes().with_state(());
    let app = node.layer().layer(handstamp_app::routes().with_state(()));
    let cookies = runtime.block_on(async { Ok::<_, Error>([log_in(&app).await?, log_in(&app).await?]) })?;
    let mut times = [const { Vec::new() }; CASES.len()];
    for _ in 0..if quick { 300 } else { 3_000 } {
        let blocks = [
            at_once(1, READS, |_| read(&bare, &cookies[0])),
            at_once(2, READS, |thread| read(&bare, &cookies[thread])),
            at_once(1, READS, |_| read(&app, &cookies[0])),
            at_once(2, READS, |thread| read(&app, &cookies[thread])),
            at_once(2, READS, |_| read(&app, &cookies[0])),
        ];
        times.iter_mut().zip(blocks).for_each(|(times, block)| times.extend(block));
    }
    println!("\nNanoseconds of a whole request that reads its session; medians of interleaved blocks:\n");
    println!("| Case | ns | ratio to 1 thread | blocks |\n|---|---|---|---|");
    let medians = times.each_ref().map(|times| median(times));
    for (case, (label, one_thread)) in CASES.iter().enumerate() {
        let ratio = medians[case] / medians[*one_thread];
        println!("| {label} | {:.0} | {ratio:.2} | {} |", medians[case], times[case].len());
    }
    Ok(())
}

async fn log_in<S>(app: &S) -> Result<HeaderValue, Error>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    let Ok(response) = app.clone().oneshot(request("/login", None)).await;
    let cookie = response.headers().get(header::SET_COOKIE).ok_or("no cookie was set")?.to_str()?;
    let cookie = HeaderValue::from_str(cookie.split(';').next().unwrap_or_default())?;
    // From here on, it is in the cache.
    let Ok(_) = app.clone().oneshot(request("/read", Some(cookie.clone()))).await;
    Ok(cookie)
}

/// The service is cloned for each request, as `axum::serve` does.
fn read<S>(app: &S, cookie: &HeaderValue)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    // A session in the cache is never waited for.
    drop(black_box(app.clone().oneshot(request("/read", Some(cookie.clone()))).now_or_never()));
}

/// Each with the case that it is compared with.
const CASES: [(&str, usize); 5] = [
    ("bare router, 1 thread", 0),
    ("bare router, 2 threads", 0),
    ("handstamp, 1 thread", 2),
    ("handstamp, 2 threads, one session each", 2),
    ("handstamp, 2 threads, the same session", 2),
];
const READS: u32 = 300;
const HOUR: Duration = Duration::from_secs(3_600);
