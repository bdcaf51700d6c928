use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::ServiceExt;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tower::Service;

use crate::{UNUSED_COOKIE, USER_NAME};

/// Why an application cannot be measured.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// An application, whatever the type of its layers. Requests of a block are sent without dynamic dispatch.
pub trait App {
    /// The response to one request.
    fn send(&mut self, request: Request<Body>) -> Boxed<'_, Response>;

    /// Sends a number of equal requests one after the other, and returns the time that they took.
    fn send_block<'a>(&'a mut self, request: &'a Parts, count: u32) -> Boxed<'a, Duration>;

    /// Sends a number of equal requests, up to 64 at a time, and returns how many of them failed.
    fn send_concurrently<'a>(&'a self, request: &'a Parts, count: usize) -> Boxed<'a, usize>;

    /// Another handle to it, for another thread.
    fn boxed_clone(&self) -> Box<dyn App + Send>;

    /// Serves it.
    fn serve(self: Box<Self>, listener: TcpListener) -> Boxed<'static, io::Result<()>>;
}

impl dyn App + '_ {
    /// The cookies of a new session, which is read once. Without sessions, they are of no use.
    ///
    /// # Errors
    ///
    /// When the application does not read its session.
    pub async fn log_in(&mut self) -> Result<HeaderValue, Error> {
        let response = self.send(crate::request("/login", None)).await;
        let cookies = response.headers().get_all(header::SET_COOKIE).into_iter();
        let pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        // A cookie without a value is removed.
        let pairs: Vec<&str> = pairs.filter(|pair| !pair.ends_with('=')).collect();
        let cookies = if pairs.is_empty() { UNUSED_COOKIE.to_owned() } else { pairs.join("; ") };
        let cookies = HeaderValue::from_str(&cookies)?;
        let response = self.send(crate::request("/read", Some(cookies.clone()))).await;
        let body = axum::body::to_bytes(response.into_body(), 1_024).await?;
        if body != USER_NAME {
            return Err("an application did not read its session".into());
        }
        Ok(cookies)
    }
}

impl<S> App for S
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    fn send(&mut self, request: Request<Body>) -> Boxed<'_, Response> {
        Box::pin(call(self, request))
    }

    fn send_block<'a>(&'a mut self, request: &'a Parts, count: u32) -> Boxed<'a, Duration> {
        Box::pin(async move {
            let started = now();
            for _ in 0..count {
                black_box(call(self, Request::from_parts(request.clone(), Body::empty())).await);
            }
            started.elapsed()
        })
    }

    fn send_concurrently<'a>(&'a self, request: &'a Parts, count: usize) -> Boxed<'a, usize> {
        let fails = move |_| {
            let mut app = self.clone();
            async move {
                let response = call(&mut app, Request::from_parts(request.clone(), Body::empty())).await;
                !response.status().is_success()
            }
        };
        let outcomes = stream::iter(0..count).map(fails).buffer_unordered(64);
        Box::pin(outcomes.filter(|failed| ready(*failed)).count())
    }

    fn boxed_clone(&self) -> Box<dyn App + Send> {
        Box::new(self.clone())
    }

    fn serve(self: Box<Self>, listener: TcpListener) -> Boxed<'static, io::Result<()>> {
        Box::pin(async move { axum::serve(listener, (*self).into_make_service()).await })
    }
}

async fn call<S>(app: &mut S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let Ok(()) = poll_fn(|cx| app.poll_ready(cx)).await;
    let Ok(response) = app.call(request).await;
    response
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn now() -> Instant {
    Instant::now()
}
