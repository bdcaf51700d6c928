use subjects::{Error, Handling, Message};

use crate::cpu::thread_cpu;
use crate::quiet::Quiet;
use crate::results::HandlingCost;

/// What a node does with messages that have arrived, in memory: without the connection that brings them. Blocks of the kinds alternate.
pub(super) async fn measure(blocks: usize, quiet: &mut Quiet) -> Result<Vec<HandlingCost>, Error> {
    eprintln!("invalidations: handling");
    let (mut nodes, mut rows) = (Vec::new(), Vec::new());
    for kind in Message::ALL {
        nodes.push(Handling::start(kind).await?);
        rows.push(HandlingCost { message: kind.label().to_owned(), nanoseconds: Vec::new() });
    }
    let cpu = quiet.wait().await?;
    for _ in 0..blocks {
        for (node, row) in nodes.iter_mut().zip(&mut rows) {
            node.prepare().await?;
            let cpu = thread_cpu();
            node.handle().await;
            row.nanoseconds.push((thread_cpu() - cpu) * 1e9 / Handling::MESSAGES as f64);
        }
    }
    quiet.ended(&cpu)?;
    Ok(rows)
}
