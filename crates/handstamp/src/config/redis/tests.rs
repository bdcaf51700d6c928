//! From variables to the configuration of the client, and the errors on the way.

#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

use std::collections::HashMap;
use std::fs;

use handstamp_redis::{Driver, InvalidationTransport, ReadFrom, RedisConfig};
use handstamp_testkit::random_secret;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::super::{Backend, Config, ConfigError};

fn resolve(vars: &[(&str, &str)]) -> Result<Backend, ConfigError> {
    let vars: HashMap<_, _> = vars.iter().copied().collect();
    let config = Config::from_vars(|name| vars.get(name).map(|&value| value.to_owned()));
    Ok(config.session_secret(random_secret()).resolve()?.backend)
}

fn redis(vars: &[(&str, &str)]) -> RedisConfig {
    match resolve(vars).unwrap() {
        Backend::Redis(config, _) => *config,
        Backend::Memory => panic!("no Redis for {vars:?}"),
    }
}

/// The text of the error about these variables.
fn error_text(vars: &[(&str, &str)]) -> String {
    resolve(vars).map(|_| panic!("nothing is wrong with {vars:?}")).unwrap_err().to_string()
}

#[test]
fn servers_are_named_in_one_of_three_ways() {
    for (vars, url) in [
        (&[("REDIS_URL", "valkey://a/2")] as &[_], "redis://a:6379/2"),
        (&[("REDIS_URL", "rediss-cluster://a,b")], "rediss-cluster://a:6379,b:6379"),
        (&[("REDIS_CLUSTER_NODES", "a:1, b:2,[::1]:3")], "redis-cluster://a:1,b:2,[::1]:3"),
        (&[("REDIS_NODE_1_HOST", "a")], "redis-cluster://a:6379"),
        (
            &[
                ("REDIS_NODE_99_HOST", "[::2]"),
                ("REDIS_NODE_2_HOST", "::1"),
                ("REDIS_NODE_2_PORT", "7000"),
                ("REDIS_NODE_1_HOST", "10.0.0.1"),
            ],
            "redis-cluster://10.0.0.1:6379,[::1]:7000,[::2]:6379",
        ),
        (
            &[("REDIS_CLUSTER_NODES", "a:1, b:2"), ("REDIS_NODE_1_HOST", "c")],
            "redis-cluster://a:1,b:2,c:6379",
        ),
        (
            &[("REDIS_CLUSTER_NODES", "a"), ("REDIS_PASSWORD", "s3cret"), ("REDIS_TLS", "true")],
            "rediss-cluster://:***@a:6379",
        ),
        (
            &[("REDIS_URL", "redis://a"), ("REDIS_USERNAME", "app"), ("REDIS_PASSWORD", "s3cret")],
            "redis://app:***@a:6379/0",
        ),
        (&[("REDIS_URL", "redis://a"), ("REDIS_TLS", "false")], "redis://a:6379/0"),
        (&[("REDIS_URL", "rediss://a"), ("REDIS_TLS", "true")], "rediss://a:6379/0"),
    ] {
        assert_eq!(redis(vars).url.to_string(), url, "{vars:?}");
    }
}

#[test]
fn builder_and_environment_are_equivalent() {
    let built = Config::new()
        .session_secret(random_secret())
        .redis_node("a", 7000)
        .redis_node("::1", 7001)
        .redis_username("app")
        .redis_password("s3cret")
        .redis_tls(true)
        .redis_read_from(ReadFrom::Replica)
        .redis_wait_replicas(2)
        .redis_driver(Driver::Fred)
        .redis_invalidation(InvalidationTransport::PubSub);
    assert!(!format!("{built:?}").contains("s3cret"));
    let Ok(Backend::Redis(built, _)) = built.resolve().map(|resolved| resolved.backend) else { panic!() };
    let read = redis(&[
        ("REDIS_CLUSTER_NODES", "a:7000,[::1]:7001"),
        ("REDIS_USERNAME", "app"),
        ("REDIS_PASSWORD", "s3cret"),
        ("REDIS_TLS", "on"),
        ("REDIS_READ_FROM", "replica"),
        ("REDIS_WAIT_REPLICAS", "2"),
        ("REDIS_DRIVER", "fred"),
        ("REDIS_INVALIDATION", "pubsub"),
    ]);
    for config in [*built, read] {
        assert_eq!(config.url.to_string(), "rediss-cluster://app:***@a:7000,[::1]:7001");
        assert_eq!((config.read_from, config.wait_replicas), (ReadFrom::Replica, 2));
        assert_eq!(config.driver, Driver::Fred);
        assert!(!config.tracking);
        assert!(config.tls.is_some());
    }
    let tracking = redis(&[("REDIS_URL", "redis://a"), ("REDIS_INVALIDATION", "tracking")]);
    assert!(tracking.tracking);
    let defaults = redis(&[("REDIS_URL", "redis://a")]);
    assert_eq!((defaults.read_from, defaults.wait_replicas), (ReadFrom::Primary, 0));
    assert!(!defaults.tracking && defaults.tls.is_none());
}

#[test]
fn errors_name_the_variable() {
    let url = ("REDIS_URL", "redis://a");
    let nodes = ("REDIS_CLUSTER_NODES", "a:1");
    for (vars, expected) in [
        (&[("REDIS_URL", "redis-cluster://a/2")] as &[_], "REDIS_URL: a cluster has only the database 0"),
        (&[url, nodes], "REDIS_CLUSTER_NODES: REDIS_URL names the servers already: give one of the two"),
        (&[url, ("REDIS_NODE_3_HOST", "b")], "REDIS_NODE_3_HOST: REDIS_URL names"),
        (&[("REDIS_CLUSTER_NODES", "a:1,,b")], "REDIS_CLUSTER_NODES: a node is written as host:port"),
        (&[("REDIS_CLUSTER_NODES", "redis://:s3@a")], "REDIS_CLUSTER_NODES: a node is written as host:port"),
        (
            &[("REDIS_NODE_1_HOST", "a:1")],
            "REDIS_NODE_1_HOST: a host name or an IP address; its port goes into",
        ),
        (&[("REDIS_NODE_7_PORT", "7000")], "REDIS_NODE_7_PORT: needs REDIS_NODE_7_HOST"),
        (&[url, ("REDIS_NODE_7_PORT", "7000")], "REDIS_NODE_7_PORT: REDIS_URL names"),
        (
            &[("REDIS_NODE_1_HOST", "a"), ("REDIS_NODE_1_PORT", "0")],
            "REDIS_NODE_1_PORT: \"0\" is not a port from 1 to 65535",
        ),
        (&[url, ("REDIS_USERNAME", "app")], "REDIS_PASSWORD: needed with REDIS_USERNAME"),
        (
            &[("REDIS_URL", "redis://:s3a@a"), ("REDIS_PASSWORD", "s3b")],
            "REDIS_PASSWORD: REDIS_URL has a password already",
        ),
        (&[url, ("REDIS_TLS", "true")], "REDIS_TLS: REDIS_URL says that there is none"),
        (&[("REDIS_URL", "rediss://a"), ("REDIS_TLS", "0")], "REDIS_TLS: REDIS_URL says that there is TLS"),
        (&[url, ("REDIS_TLS", "maybe")], "REDIS_TLS: \"maybe\" is not true or false"),
        (&[url, ("REDIS_CA_FILE", "ca.pem")], "REDIS_CA_FILE: there is no TLS: begin REDIS_URL with rediss"),
        (&[nodes, ("REDIS_CA_FILE", "ca.pem")], "REDIS_CA_FILE: there is no TLS: set REDIS_TLS=true"),
        (&[url, ("REDIS_CERT_FILE", "c.pem")], "REDIS_KEY_FILE: needed with REDIS_CERT_FILE"),
        (&[url, ("REDIS_KEY_FILE", "k.pem")], "REDIS_CERT_FILE: needed with REDIS_KEY_FILE"),
        (
            &[("REDIS_URL", "rediss://a"), ("REDIS_CA_FILE", "/nowhere/s3.pem")],
            "REDIS_CA_FILE: cannot read the file that it names: No such file",
        ),
        (&[url, ("REDIS_READ_FROM", "any")], "REDIS_READ_FROM: reads go to primary or to replica"),
        (&[url, ("REDIS_WAIT_REPLICAS", "-1")], "REDIS_WAIT_REPLICAS: \"-1\" is not a whole number"),
        (&[url, ("REDIS_DRIVER", "rustis")], "REDIS_DRIVER: the driver is fred or redis-rs"),
        (
            &[url, ("REDIS_INVALIDATION", "no")],
            "REDIS_INVALIDATION: invalidations are carried by pubsub or by",
        ),
        (
            &[url, ("REDIS_READ_FROM", "replica"), ("REDIS_INVALIDATION", "tracking")],
            "REDIS_READ_FROM: with REDIS_INVALIDATION=tracking no server announces",
        ),
        (
            &[url, ("REDIS_READ_FROM", "replica"), ("LOCAL_CACHE_MAX_STALENESS", "1s")],
            "LOCAL_CACHE_MAX_STALENESS: replicas may be a second behind",
        ),
        (&[("REDIS_PASSWORD", "s3cret")], "REDIS_PASSWORD: there is no Redis that it could be for"),
        (&[("REDIS_READ_FROM", "replica")], "REDIS_READ_FROM: there is no Redis that it could be for"),
    ] {
        let error_text = error_text(vars);
        assert!(error_text.contains(expected), "{vars:?}: {error_text}");
        assert!(!error_text.contains("s3"), "{vars:?}: {error_text}");
    }
}

/// K11: quotes were silently taken for a part of the value.
#[test]
fn k11_quotes_are_part_of_no_value_but_a_password() {
    let url = ("REDIS_URL", "redis://a");
    let tls = ("REDIS_URL", "rediss://a");
    for (name, vars) in [
        ("REDIS_URL", &[("REDIS_URL", "'redis://a'")] as &[_]),
        ("REDIS_CLUSTER_NODES", &[("REDIS_CLUSTER_NODES", "\"a:1,b:2\"")]),
        ("REDIS_CLUSTER_NODES", &[("REDIS_CLUSTER_NODES", "a:1, \"b:2\"")]),
        ("REDIS_NODE_1_HOST", &[("REDIS_NODE_1_HOST", "\"a\"")]),
        ("REDIS_NODE_1_PORT", &[("REDIS_NODE_1_HOST", "a"), ("REDIS_NODE_1_PORT", "'7000'")]),
        ("REDIS_USERNAME", &[url, ("REDIS_USERNAME", "'app'"), ("REDIS_PASSWORD", "s3cret")]),
        ("REDIS_TLS", &[tls, ("REDIS_TLS", "\"true\"")]),
        ("REDIS_CA_FILE", &[tls, ("REDIS_CA_FILE", "'ca.pem'")]),
        ("REDIS_READ_FROM", &[url, ("REDIS_READ_FROM", "'replica'")]),
        ("REDIS_WAIT_REPLICAS", &[url, ("REDIS_WAIT_REPLICAS", "\"1\"")]),
        ("REDIS_DRIVER", &[url, ("REDIS_DRIVER", "'fred'")]),
        ("REDIS_INVALIDATION", &[url, ("REDIS_INVALIDATION", "\"pubsub\"")]),
    ] {
        let expected = format!("{name}: the quotes are part of the value");
        let error_text = error_text(vars);
        assert!(error_text.contains(&expected), "{vars:?}: {error_text}");
    }
    let config = redis(&[url, ("REDIS_PASSWORD", "'s3cret'")]);
    assert_eq!(config.url.to_string(), "redis://:***@a:6379/0");
}

#[test]
fn the_second_driver_needs_its_feature() {
    let vars = [("REDIS_URL", "redis://a"), ("REDIS_DRIVER", "redis-rs")];
    #[cfg(feature = "redis-rs")]
    assert_eq!(redis(&vars).driver, Driver::RedisRs);
    #[cfg(not(feature = "redis-rs"))]
    assert!(
        error_text(&vars).contains("REDIS_DRIVER: this program was built without redis-rs: use fred, or")
    );
}

/// K11: a port that Kubernetes sets for a service called `redis-node-1` is no setting.
#[test]
fn k11_a_port_of_kubernetes_is_ignored() {
    let config = redis(&[("REDIS_NODE_1_HOST", "a"), ("REDIS_NODE_1_PORT", "tcp://10.0.0.1:7000")]);
    assert_eq!(config.url.to_string(), "redis-cluster://a:6379");
}

/// K6.1: the client gives up shortly before the request does.
#[test]
fn k6_1_budgets_become_the_limits_of_attempts() {
    let limits = |vars: &[(&str, &str)]| {
        let config = redis(&[&[("REDIS_URL", "redis://a")], vars].concat());
        [config.load_timeout, config.save_timeout, config.connect_timeout].map(|limit| limit.as_millis())
    };
    assert_eq!(limits(&[]), [200, 400, 500]);
    assert_eq!(limits(&[("SESSION_LOAD_BUDGET", "2s")]), [1_600, 400, 3_200]);
    assert_eq!(limits(&[("SESSION_SAVE_BUDGET", "5s")]), [200, 4_000, 4_000]);
    assert_eq!(limits(&[("SESSION_LOAD_BUDGET", "50ms"), ("SESSION_SAVE_BUDGET", "100ms")]), [40, 80, 500]);
}

/// K11: connections carry the name of the node.
#[test]
fn k11_connections_are_named_after_the_node() {
    let named = redis(&[("REDIS_URL", "redis://a"), ("NODE_ID", "node-7")]);
    assert_eq!(named.client_name.as_deref(), Some("node-7"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let error = resolve(&[
        ("REDIS_NODE_1_HOST", "a:1"),
        ("REDIS_NODE_2_PORT", "2"),
        ("REDIS_CERT_FILE", "c.pem"),
        ("REDIS_READ_FROM", "any"),
        ("REDIS_INVALIDATION", "no"),
    ]);
    let error = error.unwrap_err();
    let mut named: Vec<_> = error.settings().collect();
    named.sort_unstable();
    let expected =
        ["REDIS_INVALIDATION", "REDIS_KEY_FILE", "REDIS_NODE_1_HOST", "REDIS_NODE_2_PORT", "REDIS_READ_FROM"];
    assert_eq!(named, expected);
}

#[test]
fn certificates_and_keys_are_loaded() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a".to_owned()]).unwrap();
    let other = generate_simple_self_signed(["a".to_owned()]).unwrap();
    let certificate = write("cert.pem", &cert.pem());
    let key = write("key.pem", &signing_key.serialize_pem());
    let other_key = write("other.pem", &other.signing_key.serialize_pem());
    // Without line breaks.
    let line = write("line.pem", &signing_key.serialize_pem().replace('\n', " "));
    let vars = |ca, cert, key| {
        [
            ("REDIS_URL", "rediss://a"),
            ("REDIS_CA_FILE", ca),
            ("REDIS_CERT_FILE", cert),
            ("REDIS_KEY_FILE", key),
        ]
    };
    assert!(redis(&vars(&certificate, &certificate, &key)).tls.is_some());
    let secret = signing_key.serialize_pem().lines().nth(1).unwrap()[..20].to_owned();
    for (vars, expected) in [
        (vars(&key, &certificate, &key), "REDIS_CA_FILE: the authority is to be given as PEM"),
        (vars(&line, &certificate, &key), "REDIS_CA_FILE: the authority is to be given as PEM"),
        (vars(&certificate, &key, &key), "REDIS_CERT_FILE: the client's certificate is to be given as PEM"),
        (
            vars(&certificate, &certificate, &certificate),
            "REDIS_KEY_FILE: the client's private key is to be given",
        ),
        (vars(&certificate, &certificate, &line), "REDIS_KEY_FILE: the client's private key is to be given"),
        (
            vars(&certificate, &certificate, &other_key),
            "REDIS_KEY_FILE: the client's private key cannot be used",
        ),
    ] {
        let error_text = error_text(&vars);
        assert!(error_text.contains(expected), "{error_text}");
        assert!(!error_text.contains(&secret), "{error_text}");
    }
}

#[test]
fn the_client_reads_as_many_numbered_nodes() {
    assert_eq!(super::MAX_NODES, handstamp_redis::RedisSettings::MAX_NODES);
}
