use std::time::Duration;

use axum::http::HeaderValue;
use handstamp_app::{Driver, Node, Settings};
use subjects::{App, Error, request};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::bare::{BarePublisher, Subscriber, name};
use super::messages::label;
use crate::clock::now;
use crate::quiet::Quiet;
use crate::results::Latency;

/// Writes of one node, until the session is gone from the cache of another one; and messages of a bare publisher, until a bare subscriber
/// has them. They take turns. The wait is the same for both: a loop that gives way to all other tasks of its thread.
pub(super) async fn measure(url: &str, changes: usize, quiet: &mut Quiet) -> Result<Vec<Latency>, Error> {
    let mut nodes = [Nodes::start(Driver::Fred, url).await?, Nodes::start(Driver::RedisRs, url).await?];
    let mut bare = [Bare::connect(Driver::Fred, url).await?, Bare::connect(Driver::RedisRs, url).await?];
    let empty = |subject: &str| Latency {
        subject: subject.to_owned(),
        from_begin: Vec::new(),
        from_acknowledgement: Vec::new(),
    };
    let mut of_nodes = nodes.each_ref().map(|nodes| empty(label(nodes.driver)));
    let mut of_bare = bare.each_ref().map(|bare| empty(name(bare.driver)));
    let cpu = quiet.wait().await?;
    for change in 0..changes + WARM_UP {
        let counts = change >= WARM_UP;
        for (nodes, row) in nodes.iter_mut().zip(&mut of_nodes) {
            let times = nodes.change().await?;
            row.add(times, counts);
        }
        for (bare, row) in bare.iter_mut().zip(&mut of_bare) {
            let times = bare.publish().await?;
            row.add(times, counts);
        }
    }
    quiet.ended(&cpu)?;
    Ok(of_nodes.into_iter().chain(of_bare).collect())
}

/// Microseconds from the begin and from the acknowledgement until the effect.
#[derive(Clone, Copy, Debug)]
struct Times {
    from_begin: f64,
    from_acknowledgement: f64,
}

/// Two nodes that share a session.
struct Nodes {
    driver: Driver,
    writer: Box<dyn App>,
    reader: Box<dyn App>,
    reading_node: Node,
    cookie: HeaderValue,
}

impl Nodes {
    async fn start(driver: Driver, url: &str) -> Result<Self, Error> {
        let settings = |number: u8| Settings {
            driver,
            namespace: format!("latency-{driver}"),
            node_id: format!("node-{number}"),
            // Entries end by invalidations only.
            cache_ttl: Duration::from_secs(3_600),
            ..Settings::on_redis(url)
        };
        let (writing_node, reading_node) =
            (Node::start(&settings(1)).await?, Node::start(&settings(2)).await?);
        let mut writer = subjects::around(&writing_node);
        let reader = subjects::around(&reading_node);
        let cookie = writer.log_in().await?;
        Ok(Self { driver, writer, reader, reading_node, cookie })
    }

    async fn change(&mut self) -> Result<Times, Error> {
        for _ in 0..ATTEMPTS {
            self.reader.send(request("/read", Some(self.cookie.clone()))).await;
            if self.reading_node.cached_sessions() > 0 {
                break;
            }
            // A load that overlaps with an invalidation is not cached.
            sleep(PAUSE).await;
        }
        sleep(PAUSE).await;
        if self.reading_node.cached_sessions() == 0 {
            return Err("a session was not cached".into());
        }
        let begun = now();
        let status = self.writer.send(request("/write", Some(self.cookie.clone()))).await.status();
        if !status.is_success() {
            return Err(format!("a write failed: {status}").into());
        }
        until(begun, || self.reading_node.cached_sessions() == 0).await
    }
}

/// A bare publisher and a bare subscriber.
struct Bare {
    driver: Driver,
    publisher: BarePublisher,
    subscriber: Subscriber,
    channel: String,
}

impl Bare {
    async fn connect(driver: Driver, url: &str) -> Result<Self, Error> {
        let channel = format!("bare-{driver}");
        let subscriber = Subscriber::subscribe(driver, url, &channel).await?;
        Ok(Self { driver, publisher: BarePublisher::connect(driver, url).await?, subscriber, channel })
    }

    async fn publish(&mut self) -> Result<Times, Error> {
        sleep(PAUSE).await;
        let before = self.subscriber.received();
        let begun = now();
        self.publisher.publish(&self.channel, &MESSAGE).await?;
        until(begun, || self.subscriber.received() > before).await
    }
}

/// Called when the change is acknowledged.
async fn until(begun: std::time::Instant, done: impl Fn() -> bool) -> Result<Times, Error> {
    let acknowledged = now();
    while !done() {
        if acknowledged.elapsed() > PATIENCE {
            return Err("a change had no effect".into());
        }
        yield_now().await;
    }
    let microseconds = |since: std::time::Instant| since.elapsed().as_secs_f64() * 1e6;
    Ok(Times { from_begin: microseconds(begun), from_acknowledgement: microseconds(acknowledged) })
}

impl Latency {
    fn add(&mut self, times: Times, counts: bool) {
        if counts {
            self.from_begin.push(times.from_begin);
            self.from_acknowledgement.push(times.from_acknowledgement);
        }
    }
}

const WARM_UP: usize = 50;
const ATTEMPTS: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(5);
/// As long as an invalidation.
static MESSAGE: [u8; 110] = [7; 110];
