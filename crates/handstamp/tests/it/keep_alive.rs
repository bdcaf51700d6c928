//! K5: how a request keeps its session alive while it is in progress.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::get;
use handstamp::{Config, Fresh, Peek, Session, SessionLayer};
use http::StatusCode;
use http::request::Parts;
use tokio::time::sleep;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

/// A browser that has just logged in, on a node with these settings and one more route.
async fn logged_in_to(config: Config, path: &str, route: axum::routing::MethodRouter) -> (Node, Browser) {
    let node = Cluster::new().node_with_system_clock(config).await;
    let routes = app(&node.sessions).route(path, route);
    let app: Router = routes.layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser)
}

async fn extract<E: FromRequestParts<()>>(parts: &mut Parts) -> Result<E, StatusCode> {
    E::from_request_parts(parts, &()).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// K5.6: a page that polls, with a handler that waits.
#[tokio::test(start_paused = true)]
async fn k5_6_a_peek_that_waits_does_not_keep_a_session_alive() {
    for pause in [Duration::ZERO, SECOND / 2] {
        let poll = get(async move |mut parts: Parts| {
            sleep(pause).await;
            let Peek(session) = extract::<Peek<User>>(&mut parts).await?;
            sleep(30 * SECOND).await;
            Ok::<_, StatusCode>(session.get().name.clone().unwrap_or_default())
        });
        let config = config().session_timeout(60 * SECOND);
        let (_node, mut browser) = logged_in_to(config, "/poll", poll).await;
        sleep(45 * SECOND).await;
        assert_eq!(browser.get("/poll").await.body, "ada");
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED), "after {pause:?}");
    }
}

/// K5.6: middleware peeks, and the handler behind it uses the session.
#[tokio::test(start_paused = true)]
async fn k5_6_an_extraction_that_counts_after_a_peek_keeps_the_session_alive() {
    let session = get(async |mut parts: Parts| {
        extract::<Peek<User>>(&mut parts).await?;
        extract::<Session<User>>(&mut parts).await?;
        sleep(90 * SECOND).await;
        Ok::<_, StatusCode>(())
    });
    let fresh = get(async |mut parts: Parts| {
        extract::<Peek<User>>(&mut parts).await?;
        extract::<Fresh<User>>(&mut parts).await?;
        sleep(90 * SECOND).await;
        Ok::<_, StatusCode>(())
    });
    for route in [session, fresh] {
        let config = config().session_timeout(60 * SECOND);
        let (_node, mut browser) = logged_in_to(config, "/use", route).await;
        sleep(45 * SECOND).await;
        assert_eq!(browser.get("/use").await.status, StatusCode::OK);
        assert_eq!(browser.me().await.unwrap(), "ada 0");
    }
}

/// K5.1: the session would have ended between the arrival of the request and its extraction.
#[tokio::test(start_paused = true)]
async fn k5_1_a_session_in_the_cache_that_is_about_to_end_is_kept() {
    let config = config().session_timeout(60 * SECOND);
    let (_node, mut browser) = logged_in_to(config, "/unused", get(async || ())).await;
    sleep(59 * SECOND + SECOND / 10).await;
    assert_eq!(browser.get("/wait/extract").await.body, "ada 0");
}

/// K5.1: the store does not reply to the first touch.
#[tokio::test(start_paused = true)]
async fn k5_1_a_failed_touch_is_repeated_soon() {
    let extract = get(async |mut parts: Parts| {
        sleep(60 * SECOND).await;
        let session = extract::<Session<User>>(&mut parts).await?;
        Ok::<_, StatusCode>(session.get().name.clone().unwrap_or_default())
    });
    let config = with_default_budgets().session_timeout(60 * SECOND);
    let (node, mut browser) = logged_in_to(config, "/extract", extract).await;
    for cached in [true, false] {
        sleep(45 * SECOND).await;
        if !cached {
            node.sessions.clear_local_cache();
        }
        node.faults.fail();
        let (response, ()) = tokio::join!(browser.get("/extract"), async {
            sleep(SECOND + SECOND / 2).await;
            node.faults.work();
        });
        assert_eq!(response.body, "ada", "cached: {cached}");
    }
}

/// How often a handler that waits for ten minutes is polled, and how many store commands it causes.
async fn effort_for_a_session_that_ends(end: impl AsyncFn(&Node, &mut Browser)) -> [usize; 2] {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let wait = get(async move |_: Session<User>| {
        let mut wait = pin!(sleep(600 * SECOND));
        let poll = |cx: &mut std::task::Context<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            wait.as_mut().poll(cx)
        };
        std::future::poll_fn(poll).await;
    });
    let config = config().session_timeout(10 * SECOND);
    let (node, mut browser) = logged_in_to(config, "/wait", wait).await;
    let mut other = browser.clone();
    let (response, calls) = tokio::join!(browser.get("/wait"), async {
        sleep(SECOND).await;
        end(&node, &mut other).await;
        node.faults.calls()
    });
    assert_eq!(response.status, StatusCode::OK);
    [polls.load(Ordering::SeqCst), node.faults.calls() - calls]
}

#[tokio::test(start_paused = true)]
async fn k5_a_session_that_has_ended_is_not_kept_alive_any_longer() {
    let [polls, calls] = effort_for_a_session_that_ends(async |_, browser| {
        assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    })
    .await;
    assert!(polls < 10 && calls < 5, "{polls} polls, {calls} calls");
}

#[tokio::test(start_paused = true)]
async fn k5_a_session_that_cannot_be_kept_alive_costs_little() {
    let [polls, calls] = effort_for_a_session_that_ends(async |node, _| node.faults.reject_writes()).await;
    // At most once in a touch interval, of which ten minutes have 600.
    assert!(polls < 300 && calls < 150, "{polls} polls, {calls} calls");
}
