//! Counts a visitor's visits without Axum: `cargo run -p plain-tower`, then open <http://localhost:3000> twice.

use std::convert::Infallible;

use handstamp::{Config, Session, SessionData, SessionLayer, SessionRejection, Sessions};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tower::{ServiceBuilder, service_fn};

#[derive(Clone, Default, Deserialize, Serialize)]
struct Visitor {
    visits: u64,
}

impl SessionData for Visitor {}

type Page = Response<Full<Bytes>>;

/// A Tower service, which gets its session from the extensions of the request.
async fn home<B>(request: Request<B>) -> Result<Page, Infallible> {
    Ok(match count(&request).await {
        Ok(visits) => Response::new(Full::from(format!("visit number {visits}\n"))),
        Err(rejection) => rejection.to_response(),
    })
}

async fn count<B>(request: &Request<B>) -> Result<u64, SessionRejection> {
    let session = Session::<Visitor>::from_extensions(request.extensions()).await?;
    Ok(session.update(|visitor| {
        visitor.visits += 1;
        visitor.visits
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    // Separates the cookie of this program from those of others on localhost.
    let config = Config::from_env().namespace_or("plain-tower");
    // Plain http is for development: without this line the cookie is for https only.
    let sessions = Sessions::start(config.session_insecure_plain_http(true)).await?;
    let app = ServiceBuilder::new().layer(SessionLayer::<Visitor>::new(&sessions)).service(service_fn(home));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            // An error of one connection, such as a client that leaves, does not concern the others.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use http::header::{COOKIE, SET_COOKIE};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn visits_are_counted_without_axum() {
        let sessions = Sessions::start(Config::new()).await.unwrap();
        let app = ServiceBuilder::new().layer(SessionLayer::<Visitor>::new(&sessions));
        let app = app.service(service_fn(home::<()>));
        let first = app.clone().oneshot(Request::new(())).await.unwrap();
        let cookie = first.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(body_of(first).await, "visit number 1\n");
        let request = Request::builder().header(COOKIE, cookie).body(()).unwrap();
        assert_eq!(body_of(app.oneshot(request).await.unwrap()).await, "visit number 2\n");
    }

    async fn body_of(page: Page) -> Bytes {
        page.into_body().collect().await.unwrap().to_bytes()
    }
}
