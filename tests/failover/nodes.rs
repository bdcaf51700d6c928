use std::sync::{Arc, LazyLock};

use handstamp_core::id::Namespace;
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_redis::{Channel, Driver, RedisConfig, RedisError, connect};
use handstamp_store::{ClusteredStore, NodeSettings, StoreError, SystemClock};
use handstamp_testkit::random_secret;

use crate::keys::NAMESPACE;

/// A node with its own connections, on the current runtime.
pub(crate) async fn start(url: &str, name: &str) -> ClusteredStore {
    let namespace = Namespace::new(NAMESPACE).expect("a namespace");
    let config = RedisConfig::new(url.parse().expect("a URL")).with_driver(driver());
    let (store, bus) = connect(config, namespace.clone(), Channel::of(&namespace));
    let name = NodeId::new(name).expect("a name");
    let node =
        ClusteredStore::start(store, bus, &keys(), name, Arc::new(SystemClock), NodeSettings::default());
    node.wait_until_ready().await;
    node
}

/// The driver that `REDIS_DRIVER` names, or the default.
fn driver() -> Driver {
    std::env::var("REDIS_DRIVER").map_or_else(|_| Driver::default(), |name| name.parse().expect("a driver"))
}

/// The keys of all nodes.
pub(crate) fn keys() -> KeyRing {
    let namespace = Namespace::new(NAMESPACE).expect("a namespace");
    let secret = Secret::parse(&SECRET).expect("a secret");
    KeyRing::new(namespace, &[secret]).expect("a key ring")
}

/// A short name for an error.
pub(crate) fn kind(error: &StoreError) -> String {
    let cause = match error {
        StoreError::TimedOut => return "budget".to_owned(),
        StoreError::Rejected(cause) | StoreError::Unavailable(cause) => cause,
        other => return other.to_string(),
    };
    match cause.downcast_ref::<RedisError>() {
        Some(RedisError::Busy) => "busy".to_owned(),
        Some(RedisError::CircuitOpen) => "circuit open".to_owned(),
        Some(RedisError::Connection(reason)) => format!("connection: {reason}"),
        Some(RedisError::NotPrimary) => "no primary".to_owned(),
        Some(RedisError::ErrorReply(reply)) => reply.code().to_owned(),
        Some(RedisError::TimedOut) => "timeout".to_owned(),
        _ => cause.to_string(),
    }
}

static SECRET: LazyLock<String> = LazyLock::new(random_secret);
