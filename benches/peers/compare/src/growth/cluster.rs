use handstamp_testkit::{ClusterOptions, RedisCluster};
use subjects::Error;

use super::server::Statistics;
use super::subscribers::Subscribers;
use crate::cpu::pin;
use crate::results::ClusterCost;

/// Messages in a cluster of three primaries: with `PUBLISH`, every primary passes them on to its own subscribers; with `SPUBLISH`, only
/// the primary of the channel does.
pub(super) async fn measure(most: usize, blocks: usize) -> Result<Vec<ClusterCost>, Error> {
    eprintln!("growth: messages in a cluster");
    pin(1)?;
    let options = ClusterOptions { replicas_each: 0, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    pin(0)?;
    let urls = [0, 1].map(|index| format!("redis://127.0.0.1:{}", cluster.node(index).port()));
    let mut statistics = [Statistics::connect(&urls[0])?, Statistics::connect(&urls[1])?];
    let mut publisher = redis::Client::open(urls[0].as_str())?.get_connection()?;
    let channel = (0..).map(|number| format!("channel-{number}")).find(|name| cluster.primary_of(name) == 0);
    let channel = channel.ok_or("no channel is on the first primary")?;
    let mut rows = Vec::new();
    for (publish, subscribe) in [("PUBLISH", "SUBSCRIBE"), ("SPUBLISH", "SSUBSCRIBE")] {
        for count in [0, most] {
            let mut row = ClusterCost {
                command: publish.to_owned(),
                subscribers: count,
                microseconds: Vec::new(),
                microseconds_elsewhere: Vec::new(),
            };
            let mut subscribers =
                vec![Subscribers::start(cluster.node(0).port(), subscribe, &channel, count).await?];
            // A sharded channel has subscribers on its own primary only.
            if publish == "PUBLISH" {
                let port = cluster.node(1).port();
                subscribers.push(Subscribers::start(port, subscribe, &channel, count).await?);
            }
            for _ in 0..blocks {
                let before = [statistics[0].cpu()?, statistics[1].cpu()?];
                for _ in 0..MESSAGES {
                    redis::cmd(publish).arg(&channel).arg(&[7_u8; 110]).exec(&mut publisher)?;
                }
                let each = |microseconds: f64| microseconds / f64::from(MESSAGES);
                row.microseconds.push(each(statistics[0].cpu()? - before[0]));
                row.microseconds_elsewhere.push(each(statistics[1].cpu()? - before[1]));
            }
            subscribers.iter().try_for_each(Subscribers::check)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

const MESSAGES: u32 = 1_000;
