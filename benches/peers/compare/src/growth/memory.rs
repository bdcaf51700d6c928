use std::time::Duration;

use handstamp_app::{Node, Settings};
use subjects::{Error, request};
use tokio::time::sleep;

use super::server::{Server, Statistics};
use super::subscribers::Subscribers;
use crate::results::ServerMemory;

/// The memory that sessions, tracked sessions and subscribers take on a server.
pub(super) async fn measure(sessions: usize) -> Result<ServerMemory, Error> {
    eprintln!("growth: memory of {sessions} sessions on the server");
    let mut server = Server::start().await?;
    let node = Node::start(&Settings::on_redis(&server.url())).await?;
    let app = subjects::around(&node);
    let (login, _) = request("/login", None).into_parts();
    app.send_concurrently(&login, WARM_UP).await;
    let before = settled(&mut server.statistics).await?;
    let failed = app.send_concurrently(&login, sessions).await;
    let (created, after) = ((sessions - failed) as f64, settled(&mut server.statistics).await?);
    let each_session = (after - before) / created;

    let mut tracked = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..2 {
        let before = settled(&mut server.statistics).await?;
        let mut reader = redis::Client::open(format!("{}?protocol=resp3", server.url()))?.get_connection()?;
        redis::cmd("CLIENT").arg("TRACKING").arg("ON").exec(&mut reader)?;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*:s:*").query(&mut reader)?;
        for keys in keys.chunks(1_000) {
            let mut reads = redis::pipe();
            for key in keys {
                reads.cmd("STRLEN").arg(key).ignore();
            }
            reads.exec(&mut reader)?;
        }
        readers.push(reader);
        tracked.push((settled(&mut server.statistics).await? - before) / keys.len() as f64);
    }

    let before = settled(&mut server.statistics).await?;
    let subscribers = Subscribers::start(server.redis.port(), "SUBSCRIBE", "channel", SUBSCRIBERS).await?;
    let each_subscriber = (settled(&mut server.statistics).await? - before) / SUBSCRIBERS as f64;
    drop(subscribers);
    Ok(ServerMemory {
        sessions,
        each_session,
        tracked_by_one: tracked[0],
        tracked_by_another: tracked[1],
        each_subscriber,
    })
}

/// After the server has shrunk its buffers and finished to resize its tables.
async fn settled(statistics: &mut Statistics) -> Result<f64, Error> {
    sleep(Duration::from_millis(300)).await;
    statistics.memory()
}

const WARM_UP: usize = 1_000;
const SUBSCRIBERS: usize = 100;
