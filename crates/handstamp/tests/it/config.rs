//! Settings, and the errors of invalid ones.

use std::collections::HashMap;

use handstamp::store::{MemoryBus, MemoryStore};
use handstamp::{Config, ConfigError, Sessions};

use handstamp_testkit::Log;

use crate::support::secret;

/// Starts a node with these variables.
async fn start(vars: &[(&str, &str)]) -> Result<Sessions, ConfigError> {
    let vars: HashMap<_, _> = vars.iter().copied().collect();
    Sessions::start(Config::from_vars(|name| vars.get(name).map(|&value| value.to_owned()))).await
}

#[tokio::test]
async fn without_settings_a_node_starts_in_memory() {
    let sessions = start(&[]).await.unwrap();
    assert!(sessions.is_healthy() && sessions.is_subscribed());
    start(&[("SESSION_SECRET", ""), ("REDIS_URL", " "), ("SESSION_TIMEOUT", "")]).await.unwrap();
}

#[tokio::test]
async fn every_setting_is_read() {
    let sessions = start(&[
        ("SESSION_SECRET", secret()),
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
    let shown = format!("{sessions:?}");
    for part in
        ["node-7", "cache_ttl: 5s", "cache_max_entries: 77", "max_staleness: 500ms", "load_budget: 100ms"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[tokio::test]
async fn all_problems_are_reported_in_one_error() {
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
async fn a_channel_sets_the_namespace_unless_that_is_set_too() {
    for channel in ["a b", "{shop}", &"x".repeat(65)] {
        let error = start(&[("SESSION_CHANNEL", channel)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), ["SESSION_CHANNEL"]);
        assert!(error.to_string().contains("or set SESSION_NAMESPACE"), "{error}");
    }
    start(&[("SESSION_CHANNEL", "shop:gossip")]).await.unwrap();
    start(&[("SESSION_CHANNEL", "{shop}"), ("SESSION_NAMESPACE", "shop")]).await.unwrap();
}

/// F6: two programs with the same settings shared their sessions.
#[tokio::test]
async fn k9_f6_a_program_has_a_namespace_of_its_own_unless_the_settings_have_one() {
    for (vars, expected) in [
        (&[][..], "quickstart"),
        (&[("SESSION_NAMESPACE", "shop")], "shop"),
        (&[("SESSION_CHANNEL", "gossip")], "quickstart"),
    ] {
        let vars: HashMap<_, _> = vars.iter().copied().collect();
        let config = Config::from_vars(|name| vars.get(name).map(|value: &&str| (*value).to_owned()));
        let config = config.namespace_or("quickstart");
        assert!(
            format!("{config:?}").contains(&format!("session_namespace: Some({expected:?})")),
            "{config:?}"
        );
    }
    let error = Sessions::start(Config::new().namespace_or("{shop}")).await.unwrap_err();
    assert_eq!(error.settings().collect::<Vec<_>>(), ["SESSION_NAMESPACE"]);
}

#[tokio::test]
async fn every_secret_of_a_list_is_validated_and_none_is_repeated() {
    let error =
        start(&[("SESSION_SECRET", &format!("{},tiny,changeme-changeme-changeme-changeme", secret()))]).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("only 4 bytes long") && text.contains("a placeholder"), "{text}");
    assert!(!text.contains("tiny") && !text.contains("changeme"), "{text}");
}

#[tokio::test]
async fn no_node_starts_on_redis_without_a_secret() {
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
async fn unsupported_settings_are_rejected() {
    for (name, value) in [("SESSION_ENCRYPT", "true"), ("SESSION_COMPRESS", "1")] {
        let error = start(&[(name, value)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [name]);
    }
    start(&[("SESSION_ENCRYPT", "false"), ("SESSION_COMPRESS", "0")]).await.unwrap();
}

/// K5.5: `30M` was read as two and a half years.
#[tokio::test]
async fn k5_months_and_years_are_rejected_in_every_duration() {
    for name in [
        "SESSION_TIMEOUT",
        "SESSION_LIFETIME",
        "SESSION_LOAD_BUDGET",
        "SESSION_SAVE_BUDGET",
        "LOCAL_CACHE_TTL",
        "LOCAL_CACHE_MAX_STALENESS",
    ] {
        for (value, reason) in
            [("30M", "M means months: write m for minutes"), ("1 y", "years"), ("2months", "months")]
        {
            let error = start(&[(name, value)]).await.unwrap_err();
            assert_eq!(error.settings().collect::<Vec<_>>(), [name]);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
    let error = start(&[("SESSION_OUTAGE", "serve:30M")]).await.unwrap_err().to_string();
    assert!(error.contains("SESSION_OUTAGE: \"serve:30M\" has a time that is not allowed"), "{error}");
    assert!(error.contains("M means months"), "{error}");
}

#[tokio::test]
async fn k10_trusted_origins_are_validated() {
    start(&[("SESSION_TRUSTED_ORIGINS", "https://shop.example, http://localhost:3000")]).await.unwrap();
    for origins in
        ["shop.example", "https://shop.example/", "https://a.example,,https://b.example", "*", "null"]
    {
        let error = start(&[("SESSION_TRUSTED_ORIGINS", origins)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), ["SESSION_TRUSTED_ORIGINS"], "{origins}");
        assert!(error.to_string().contains("https://host"), "{error}");
    }
}

/// K11: a quoted secret on one node of several was accepted as another secret.
#[tokio::test]
async fn k11_a_value_in_quotes_is_rejected() {
    let secret = secret();
    for (name, value) in [
        ("SESSION_SECRET", format!("\"{secret}\"")),
        ("SESSION_SECRET", format!("'{secret}'")),
        ("SESSION_SECRET", format!("'{secret},{secret}'")),
        ("SESSION_SECRET", format!("{secret}, \"{secret}\"")),
        ("NODE_ID", "\"node-1\"".to_owned()),
        ("SESSION_TIMEOUT", "'30m'".to_owned()),
        ("SESSION_NAMESPACE", "\"shop\"".to_owned()),
        ("SESSION_CHANNEL", "'shop:gossip'".to_owned()),
        ("SESSION_MAX_SIZE", "'1024'".to_owned()),
        ("SESSION_OUTAGE", "\"refuse\"".to_owned()),
        ("SESSION_INSECURE_PLAIN_HTTP", "\"true\"".to_owned()),
        ("SESSION_TRUSTED_ORIGINS", "\"https://shop.example\"".to_owned()),
    ] {
        let error = start(&[(name, &value)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [name], "{error}");
        assert!(error.to_string().contains("the quotes are part of the value"), "{error}");
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

/// K11: a secret with a part of the line that it was copied from was accepted as another secret.
#[tokio::test]
async fn k11_a_secret_with_a_part_of_its_line_is_rejected() {
    let secret = secret();
    let refused = [
        (format!("\"{secret}"), "a quote"),
        (format!("{secret}\""), "a quote"),
        (format!("{secret}'"), "a quote"),
        (format!("\"{secret}\" # prod"), "the comment"),
        (format!("\\\"{secret}\\\""), "a quote"),
        (format!("«{secret}»"), "a quote"),
        (format!("„{secret}“"), "a quote"),
        (format!("”{secret}”"), "a quote"),
        (format!("{secret};"), "the semicolon"),
        (format!("{secret} # prod"), "the comment"),
        (format!("{secret}\t#prod, new"), "the comment"),
        (format!("SESSION_SECRET={secret}"), "the name"),
        (format!("export SESSION_SECRET = {secret}"), "the name"),
    ];
    for (value, reason) in refused {
        for value in [value.clone(), format!("{secret},{value}")] {
            let error = start(&[("SESSION_SECRET", &value)]).await.unwrap_err();
            assert!(error.settings().all(|setting| setting == "SESSION_SECRET"), "{error}");
            assert!(error.to_string().contains(reason) && !error.to_string().contains(secret), "{error}");
        }
    }
    let inside = ["'#", "\"#", "#;=", ";#"].map(|inside| format!("{secret}{inside}{secret}"));
    // As password managers generate them.
    let at_the_ends = [format!("'{secret}!"), format!("{secret}%\""), format!("{secret}&;")];
    for value in inside.into_iter().chain(at_the_ends) {
        start(&[("SESSION_SECRET", &value)]).await.unwrap();
    }
}

/// F16: an error repeated a secret in the wrong variable.
#[tokio::test]
async fn k11_f16_errors_do_not_repeat_long_values() {
    let long = "a-value-of-17-chs";
    for name in [
        "SESSION_SECRET",
        "NODE_ID",
        "SESSION_TIMEOUT",
        "SESSION_LIFETIME",
        "SESSION_NAMESPACE",
        "SESSION_CHANNEL",
        "SESSION_MAX_SIZE",
        "SESSION_LOAD_BUDGET",
        "SESSION_SAVE_BUDGET",
        "SESSION_OUTAGE",
        "SESSION_INSECURE_PLAIN_HTTP",
        "SESSION_ENCRYPT",
        "SESSION_COMPRESS",
        "SESSION_TRUSTED_ORIGINS",
        "LOCAL_CACHE_TTL",
        "LOCAL_CACHE_MAX_SIZE",
        "LOCAL_CACHE_MAX_BYTES",
        "LOCAL_CACHE_MAX_STALENESS",
        "REDIS_URL",
        "REDIS_CLUSTER_NODES",
        "REDIS_NODE_1_HOST",
        "REDIS_NODE_1_PORT",
        "REDIS_USERNAME",
        "REDIS_PASSWORD",
        "REDIS_TLS",
        "REDIS_CA_FILE",
        "REDIS_CERT_FILE",
        "REDIS_KEY_FILE",
        "REDIS_READ_FROM",
        "REDIS_WAIT_REPLICAS",
        "REDIS_DRIVER",
        "REDIS_INVALIDATION",
    ] {
        let value = format!("{long}: ä");
        let error = start(&[(name, &value)]).await.unwrap_err();
        assert!(error.settings().any(|setting| setting == name), "{name}: {error}");
        assert!(!error.to_string().contains(long), "{error}");
    }
    let error = start(&[("SESSION_TIMEOUT", "exactly 16 chars")]).await.unwrap_err().to_string();
    assert!(error.contains("\"exactly 16 chars\" is not a duration"), "{error}");
}

/// K11: these were silently ignored.
#[cfg(feature = "redis")]
#[tokio::test]
async fn k11_host_and_port_without_a_url_are_rejected() {
    for vars in [
        &[("REDIS_HOST", "redis")][..],
        &[("REDIS_PORT", "6379")],
        &[("REDIS_HOST", "redis"), ("REDIS_PORT", "6379")],
        &[("REDIS_HOST", "redis"), ("REDIS_PORT", "tcp://10.0.0.1:6379")],
        &[("REDIS_HOST", "a-value-of-more-than-16-characters")],
        &[("VALKEY_URL", "redis://a-value")],
        &[("VALKEY_HOST", "valkey"), ("VALKEY_PORT", "6379")],
        &[("REDISHOST", "redis"), ("REDISPORT", "6379")],
        &[("redis_url", "redis://a-value")],
        &[("valkey_url", "valkey://a-value")],
    ] {
        let error = start(vars).await.unwrap_err();
        assert!(error.settings().all(|setting| vars.iter().any(|(name, _)| *name == setting)), "{error}");
        assert!(error.to_string().contains("REDIS_URL=redis://host:port"), "{error}");
        assert!(!error.to_string().contains("a-value"), "{error}");
    }
}

/// K11: Kubernetes sets these for services called redis and redis-node-1.
#[tokio::test]
async fn k11_variables_of_kubernetes_are_ignored() {
    let (log, _guard) = Log::capture();
    start(&[
        ("REDIS_SERVICE_HOST", "10.0.0.1"),
        ("REDIS_SERVICE_PORT", "6379"),
        ("REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("REDIS_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
        ("REDIS_NODE_1_PORT", "tcp://10.0.0.1:6379"),
        ("VALKEY_SERVICE_HOST", "10.0.0.1"),
        ("VALKEY_PORT", "tcp://10.0.0.1:6379"),
    ])
    .await
    .unwrap();
    assert!(!log.text().contains("resemble"), "{}", log.text());
}

/// The node starts, because it has a server.
#[cfg(feature = "redis")]
#[tokio::test]
async fn k11_host_and_port_in_addition_to_a_url_cause_one_warning() {
    let (log, _guard) = Log::capture();
    let vars = [
        ("REDIS_HOST", "10.77.0.1"),
        ("REDIS_PORT", "6379"),
        ("VALKEY_URL", "redis://10.77.0.1"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("SESSION_SECRET", secret()),
    ];
    let vars = HashMap::from(vars);
    let config = Config::from_vars(|name| vars.get(name).map(|&value| value.to_owned()));
    for config in [config.clone(), config] {
        Sessions::start(config).await.unwrap().shutdown().await;
    }
    let log = log.text();
    assert_eq!(log.matches("resemble settings").count(), 1, "{log}");
    let warning =
        ["REDIS_HOST", "REDIS_PORT", "VALKEY_URL"].map(|name| format!("{name} (meant: REDIS_URL?)"));
    assert!(log.contains(&warning.join(", ")), "{log}");
    assert!(!log.contains("10.77.0.1"), "{log}");
}

#[tokio::test]
async fn the_size_of_the_local_cache_can_be_limited() {
    let sessions = start(&[]).await.unwrap();
    assert!(format!("{sessions:?}").contains("cache_max_bytes: 67108864"), "{sessions:?}");
    let sessions = start(&[("LOCAL_CACHE_MAX_BYTES", "197632")]).await.unwrap();
    assert!(format!("{sessions:?}").contains("cache_max_bytes: 197632"), "{sessions:?}");
    start(&[("LOCAL_CACHE_MAX_BYTES", "0")]).await.unwrap();
    start(&[("LOCAL_CACHE_MAX_BYTES", "4096"), ("SESSION_MAX_SIZE", "1024")]).await.unwrap();
}

#[tokio::test]
async fn contradicting_settings_of_the_cache_are_rejected() {
    for (setting, vars) in [
        ("LOCAL_CACHE_MAX_BYTES", &[("LOCAL_CACHE_MAX_BYTES", "197631")][..]),
        ("LOCAL_CACHE_MAX_BYTES", &[("LOCAL_CACHE_MAX_BYTES", "4096"), ("SESSION_MAX_SIZE", "1025")]),
        ("LOCAL_CACHE_MAX_BYTES", &[("LOCAL_CACHE_MAX_BYTES", "64MiB")]),
        ("SESSION_MAX_SIZE", &[("SESSION_MAX_SIZE", "0")]),
        ("LOCAL_CACHE_MAX_STALENESS", &[("LOCAL_CACHE_MAX_STALENESS", "249ms")]),
        ("SESSION_OUTAGE", &[("SESSION_OUTAGE", "serve:20s"), ("LOCAL_CACHE_TTL", "0s")]),
        ("SESSION_OUTAGE", &[("SESSION_OUTAGE", "serve:20s"), ("LOCAL_CACHE_MAX_SIZE", "0")]),
        ("SESSION_OUTAGE", &[("SESSION_OUTAGE", "serve:20s"), ("LOCAL_CACHE_MAX_BYTES", "0")]),
    ] {
        let error = start(vars).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [setting], "{vars:?}");
    }
    start(&[("LOCAL_CACHE_MAX_STALENESS", "250ms"), ("LOCAL_CACHE_TTL", "0s")]).await.unwrap();
}

#[cfg(not(feature = "redis"))]
#[tokio::test]
async fn without_the_feature_settings_of_redis_are_rejected() {
    for (name, value) in [
        ("REDIS_URL", "redis://a"),
        ("REDIS_CLUSTER_NODES", "a:1"),
        ("REDIS_NODE_7_PORT", "7000"),
        ("REDIS_PASSWORD", "s3cret"),
        ("REDIS_READ_FROM", "replica"),
    ] {
        let error = start(&[("SESSION_SECRET", secret()), (name, value)]).await.unwrap_err();
        assert_eq!(error.settings().collect::<Vec<_>>(), [name]);
        assert!(error.to_string().contains("without its feature `redis`"), "{error}");
    }
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn another_store_replaces_redis() {
    let bus = MemoryBus::new();
    let config = Config::new()
        .session_secret(secret())
        .redis_url("http://nowhere")
        .redis_cluster_nodes("a:1")
        .redis_username("app")
        .redis_cert_file("/nowhere/cert.pem");
    let sessions = Sessions::start_with(config, MemoryStore::new(bus.clone()), bus).await.unwrap();
    assert!(sessions.is_healthy());
}
