//! Settings, and what is said about wrong ones.

use std::collections::HashMap;

use handstamp::store::{MemoryBus, MemoryStore};
use handstamp::{Config, ConfigError, Runtime};

use crate::support::SECRET;

/// What a node that has these variables says when it is started.
async fn start(vars: &[(&str, &str)]) -> Result<Runtime, ConfigError> {
    let vars: HashMap<_, _> = vars.iter().copied().collect();
    Runtime::start(Config::from_vars(|name| vars.get(name).map(|&value| value.to_owned()))).await
}

#[tokio::test]
async fn without_any_setting_there_is_a_node_to_try_out() {
    let runtime = start(&[]).await.unwrap();
    assert!(runtime.healthy() && runtime.running());
    start(&[("SESSION_SECRET", ""), ("REDIS_URL", " "), ("SESSION_TIMEOUT", "")]).await.unwrap();
}

#[tokio::test]
async fn every_setting_is_read() {
    let runtime = start(&[
        ("SESSION_SECRET", SECRET),
        ("NODE_ID", "node-7"),
        ("SESSION_TIMEOUT", "30m"),
        ("SESSION_LIFETIME", "7d"),
        ("SESSION_NAMESPACE", "shop:production"),
        ("SESSION_CHANNEL", "shop:gossip"),
        ("SESSION_MAX_SIZE", "1024"),
        ("SESSION_LOAD_BUDGET", "100ms"),
        ("SESSION_SAVE_BUDGET", "1s"),
        ("SESSION_INSECURE_PLAIN_HTTP", "true"),
        ("LOCAL_CACHE_TTL", "5s"),
        ("LOCAL_CACHE_MAX_SIZE", "77"),
        ("LOCAL_CACHE_MAX_STALENESS", "500ms"),
    ])
    .await
    .unwrap();
    let shown = format!("{runtime:?}");
    for part in
        ["node-7", "cache_ttl: 5s", "cache_max_entries: 77", "max_staleness: 500ms", "load_budget: 100ms"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_named_in_one_error() {
    let error = start(&[
        ("SESSION_SECRET", "short"),
        ("NODE_ID", "two words"),
        ("SESSION_TIMEOUT", "3600"),
        ("SESSION_LIFETIME", "0s"),
        ("SESSION_NAMESPACE", "{shop}"),
        ("SESSION_MAX_SIZE", "-1"),
        ("SESSION_LOAD_BUDGET", "1h"),
        ("SESSION_SAVE_BUDGET", "soon"),
        ("SESSION_INSECURE_PLAIN_HTTP", "maybe"),
        ("LOCAL_CACHE_TTL", "30"),
        ("LOCAL_CACHE_MAX_SIZE", "many"),
        ("LOCAL_CACHE_MAX_STALENESS", "1ms"),
    ])
    .await
    .unwrap_err();
    let mut named: Vec<_> = error.settings().collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "LOCAL_CACHE_MAX_SIZE",
            "LOCAL_CACHE_MAX_STALENESS",
            "LOCAL_CACHE_TTL",
            "NODE_ID",
            "SESSION_INSECURE_PLAIN_HTTP",
            "SESSION_LIFETIME",
            "SESSION_LOAD_BUDGET",
            "SESSION_MAX_SIZE",
            "SESSION_NAMESPACE",
            "SESSION_SAVE_BUDGET",
            "SESSION_SECRET",
            "SESSION_TIMEOUT",
        ]
    );
    let text = error.to_string();
    assert!(text.contains("SESSION_TIMEOUT: \"3600\" is not a duration such as 30s, 15m or 24h"), "{text}");
    assert!(text.contains("SESSION_SECRET: only 5 bytes long, at least 32 are needed"), "{text}");
    assert!(!text.contains("short"), "{text}");
}

#[tokio::test]
async fn a_channel_names_the_namespace_unless_that_is_named_too() {
    for channel in ["a b", "{shop}", &"x".repeat(65)] {
        let error = start(&[("SESSION_CHANNEL", channel)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), ["SESSION_CHANNEL"]);
        assert!(error.to_string().contains("or set SESSION_NAMESPACE"), "{error}");
    }
    start(&[("SESSION_CHANNEL", "shop:gossip")]).await.unwrap();
    start(&[("SESSION_CHANNEL", "{shop}"), ("SESSION_NAMESPACE", "shop")]).await.unwrap();
}

#[tokio::test]
async fn every_secret_of_a_list_is_checked_and_none_repeated() {
    let error =
        start(&[("SESSION_SECRET", &format!("{SECRET},tiny,changeme-changeme-changeme-changeme"))]).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("only 4 bytes long") && text.contains("a placeholder"), "{text}");
    assert!(!text.contains("tiny") && !text.contains("changeme"), "{text}");
}

#[tokio::test]
async fn nothing_starts_on_redis_without_a_secret() {
    for (name, servers) in [
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_URL", "redis://user:pa55word@127.0.0.1:1"),
        ("REDIS_CLUSTER_NODES", "127.0.0.1:1"),
        ("REDIS_NODE_1_HOST", "127.0.0.1"),
    ] {
        let error = start(&[(name, servers)]).await.unwrap_err();
        assert!(error.settings().any(|setting| setting == "SESSION_SECRET"), "{error}");
        assert!(!error.to_string().contains("pa55word"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_there_yet_is_refused_and_not_ignored() {
    for (name, value) in [("SESSION_ENCRYPT", "true"), ("SESSION_COMPRESS", "1")] {
        let error = start(&[(name, value)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [name]);
    }
    start(&[("SESSION_ENCRYPT", "false"), ("SESSION_COMPRESS", "0")]).await.unwrap();
}

#[cfg(not(feature = "redis"))]
#[tokio::test]
async fn without_the_feature_no_setting_of_redis_is_ignored() {
    for (name, value) in [
        ("REDIS_URL", "redis://a"),
        ("REDIS_CLUSTER_NODES", "a:1"),
        ("REDIS_NODE_7_PORT", "7000"),
        ("REDIS_PASSWORD", "s3cret"),
        ("REDIS_READ_FROM", "replica"),
    ] {
        let error = start(&[("SESSION_SECRET", SECRET), (name, value)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [name]);
        assert!(error.to_string().contains("without its feature `redis`"), "{error}");
    }
}

#[tokio::test]
async fn a_store_of_ones_own_takes_the_place_of_redis() {
    let bus = MemoryBus::new();
    let config = Config::new()
        .session_secret(SECRET)
        .redis_url("http://nowhere")
        .redis_cluster_nodes("a:1")
        .redis_username("app")
        .redis_cert_file("/nowhere/cert.pem");
    let runtime = Runtime::start_on(config, MemoryStore::new(bus.clone()), bus).await.unwrap();
    assert!(runtime.healthy());
}
