use std::net::SocketAddr;

use handstamp::store::{MemoryBus, MemoryStore};
use handstamp::{Config, Sessions};
use tokio::net::TcpListener;

use crate::app::app;
use crate::arguments::Arguments;
use crate::shutdown::Stop;

/// A node that is ready to serve.
pub(crate) struct Node {
    pub(crate) sessions: Sessions,
    listener: TcpListener,
    /// The ports of the other nodes, to which its page links.
    others: Vec<u16>,
}

/// Starts a node for each address. Several nodes share Redis, or a store in this process.
pub(crate) async fn start(arguments: &Arguments) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    let config = config_from_env();
    let [address] = arguments.addresses[..] else { return start_several(config, &arguments.addresses).await };
    let sessions = Sessions::start(config).await?;
    Ok(vec![Node::bind(sessions, address, &[address]).await?])
}

impl Node {
    async fn bind(sessions: Sessions, address: SocketAddr, all: &[SocketAddr]) -> Result<Self, String> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let others = all.iter().filter(|other| **other != address).map(SocketAddr::port).collect();
        tracing::info!("node {} listens on http://{address}", sessions.node_id());
        Ok(Self { sessions, listener, others })
    }

    /// Serves until the stop signal, then finishes the requests in progress, and shuts down.
    pub(crate) async fn serve(self, stop: Stop) -> std::io::Result<()> {
        let Self { sessions, listener, others } = self;
        let app = app(&sessions, &others);
        stop.with_grace(axum::serve(listener, app).with_graceful_shutdown(stop.clone().accepting())).await?;
        sessions.shutdown().await;
        tracing::info!("node {} has stopped", sessions.node_id());
        Ok(())
    }
}

async fn start_several(
    config: Config,
    addresses: &[SocketAddr],
) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    let on_redis = config.uses_redis();
    // Without a secret in the environment, the nodes of this process share a random one.
    let config = if on_redis { config } else { config.secret_or_random() };
    let bus = MemoryBus::new();
    let store = MemoryStore::new(bus.clone());
    let mut nodes = Vec::new();
    for (number, &address) in (1..).zip(addresses) {
        let config = config.clone().node_id(format!("node-{number}"));
        let sessions = if on_redis {
            Sessions::start(config).await?
        } else {
            Sessions::start_with(config, store.clone(), bus.clone()).await?
        };
        nodes.push(Node::bind(sessions, address, addresses).await?);
    }
    Ok(nodes)
}

/// Unlike handstamp, this node allows plain HTTP by default, so that it is easy to try out. Behind HTTPS, set
/// `SESSION_INSECURE_PLAIN_HTTP=false`.
fn config_from_env() -> Config {
    let config = Config::from_env();
    if std::env::var_os("SESSION_INSECURE_PLAIN_HTTP").is_some_and(|value| !value.is_empty()) {
        return config;
    }
    tracing::warn!("cookies are for plain http: set SESSION_INSECURE_PLAIN_HTTP=false behind https");
    config.session_insecure_plain_http(true)
}
