mod sender;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use handstamp_core::record::Entry;
use handstamp_testkit::{RedisServer, record, resealed, sealed};
use subjects::Error;
use tokio::task::JoinSet;

use self::sender::Sender;
pub(crate) use self::sender::{BARE_FRED, FRED, REDIS_RS};
use crate::clock::now;
use crate::cpu::{pin, process_cpu};
use crate::quiet::Quiet;
use crate::results::InFlight;
use crate::statistics::quantile;

/// Loads and saves through the store, and by a bare fred client with one task for each command. Each is one thread on a core of its
/// own; Redis has the other one.
pub(crate) async fn measure(quick: bool, quiet: &mut Quiet) -> Result<Vec<InFlight>, Error> {
    let blocks = if quick { 3 } else { 21 };
    pin(1)?;
    let redis = RedisServer::start().await;
    pin(0)?;
    let senders = Sender::all(&redis.url()).await?;
    let mut rows = Vec::new();
    for in_flight in [1, 32, 256] {
        for operation in [LOAD, SAVE] {
            eprintln!("in-flight: {operation}, {in_flight}");
            let measured =
                senders.iter().map(|(subject, sender)| Measured::new(operation, subject, in_flight, sender));
            let mut measured = try_join_all(measured).await?;
            let cpu = quiet.wait().await?;
            for round in 0..blocks {
                for place in 0..measured.len() {
                    let place = if round % 2 == 0 { place } else { measured.len() - 1 - place };
                    measured[place].run_block().await?;
                }
            }
            quiet.ended(&cpu)?;
            rows.extend(measured.into_iter().map(|measured| measured.row));
        }
    }
    Ok(rows)
}

/// The blocks of one sender.
struct Measured {
    sender: Arc<Sender>,
    records: Vec<Pair>,
    row: InFlight,
}

/// Two revisions of a record, which are saved in turn: no time is spent on sealing.
#[derive(Clone, Debug)]
struct Pair([Entry; 2]);

impl Measured {
    async fn new(
        operation: &str,
        subject: &str,
        in_flight: usize,
        sender: &Arc<Sender>,
    ) -> Result<Self, Error> {
        let records = try_join_all((0..in_flight).map(async |_| {
            let first = sealed(&record());
            sender.create(&first).await?;
            let second = resealed(&first);
            Ok::<_, Error>(Pair([first, second]))
        }));
        let row = InFlight {
            operation: operation.to_owned(),
            subject: subject.to_owned(),
            in_flight,
            per_second: Vec::new(),
            cpu_microseconds: Vec::new(),
            p50_microseconds: Vec::new(),
            p99_microseconds: Vec::new(),
        };
        Ok(Self { sender: sender.clone(), records: records.await?, row })
    }

    /// A task for each record, each of which makes one step after the other.
    async fn run_block(&mut self) -> Result<(), Error> {
        let (begun, cpu) = (now(), process_cpu());
        let mut tasks = JoinSet::new();
        let saves = self.row.operation == SAVE;
        for mut pair in self.records.drain(..) {
            let sender = self.sender.clone();
            tasks.spawn(async move {
                let mut times = Vec::new();
                while begun.elapsed() < BLOCK {
                    let step = now();
                    if saves {
                        sender.save(&pair.0[1], &pair.0[0]).await?;
                        pair.0.swap(0, 1);
                    } else {
                        sender.load(&pair.0[0]).await?;
                    }
                    times.push(step.elapsed().as_secs_f64() * 1e6);
                }
                Ok::<_, Error>((pair, times))
            });
        }
        let mut times = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let (pair, of_task) = ended??;
            self.records.push(pair);
            times.extend(of_task);
        }
        let (seconds, cpu) = (begun.elapsed().as_secs_f64(), process_cpu() - cpu);
        let steps = times.len() as f64;
        self.row.per_second.push(steps / seconds);
        self.row.cpu_microseconds.push(cpu * 1e6 / steps);
        self.row.p50_microseconds.push(quantile(&times, 0.5));
        self.row.p99_microseconds.push(quantile(&times, 0.99));
        Ok(())
    }
}

pub(crate) const LOAD: &str = "load";
pub(crate) const SAVE: &str = "save";
const BLOCK: Duration = Duration::from_millis(150);
