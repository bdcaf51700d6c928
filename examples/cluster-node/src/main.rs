//! The reference node, which the README runs, docker-compose deploys, and the end-to-end tests use.
//!
//! ```text
//! cluster-node              one node on PORT (default 3000): on Redis with REDIS_URL, else with its own store
//! cluster-node --nodes 3    three nodes in this process on ports 3001 to 3003, on Redis or on a shared store
//! ```
//!
//! All settings come from the environment: see [`handstamp::Config`].

mod app;
mod arguments;
mod handlers;
mod nodes;
mod page;
mod shutdown;

use std::io::IsTerminal;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    // fred warns about every connection that ends; handstamp itself logs those that matter.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,fred=error"));
    let on_terminal = std::io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(on_terminal).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the help text belongs on standard output")]
async fn run() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).is_some_and(|argument| argument == "--help" || argument == "-h") {
        println!("{}", arguments::USAGE);
        return Ok(());
    }
    let arguments = arguments::parse(std::env::args().skip(1), std::env::var("PORT").ok())?;
    let nodes = nodes::start(&arguments).await?;
    let stop = shutdown::on_signal(nodes.iter().map(|node| node.sessions.clone()).collect());
    let mut servers = tokio::task::JoinSet::new();
    for node in nodes {
        servers.spawn(node.serve(stop.clone()));
    }
    while let Some(served) = servers.join_next().await {
        served??;
    }
    Ok(())
}
