//! Environment variables: which ones prevent a start, and what is logged about them.

use handstamp_testkit::{NodeProcess, RedisServer};

use crate::support::{node_with, reference_node, settings};

/// The output of a node that fails to start with these settings.
async fn failed_start(changed: &[(&'static str, &str)]) -> String {
    let mut settings = settings(&RedisServer::start().await, "node-1");
    settings.extend(changed.iter().map(|&(name, value)| (name, value.to_owned())));
    match NodeProcess::try_start(reference_node(), settings).await {
        Ok(_) => panic!("the node started with {changed:?}"),
        Err((status, output)) => {
            assert!(!status.success());
            output
        }
    }
}

#[tokio::test]
async fn without_a_good_secret_no_node_starts_on_redis() {
    let short_hex = "ab12".repeat(15) + "c3";
    let zeros = "0".repeat(64);
    for secret in [
        "",
        "short",
        &short_hex,
        &zeros,
        "changeme-changeme-changeme-changeme",
        "1sxc1aNxGHTTZKlK5cpCgufJAqGM4G13",
    ] {
        let output = failed_start(&[("SESSION_SECRET", secret)]).await;
        assert!(output.contains("SESSION_SECRET"), "{output}");
        assert!(secret.is_empty() || !output.contains(secret), "{output}");
    }
}

#[tokio::test]
async fn all_invalid_settings_are_reported_at_once() {
    let output = failed_start(&[
        ("REDIS_URL", "http://user:s3cr3t-canary@localhost"),
        ("SESSION_TIMEOUT", "soon"),
        ("LOCAL_CACHE_TTL", "30"),
        ("LOCAL_CACHE_MAX_SIZE", "-5"),
        ("NODE_ID", "two words"),
    ])
    .await;
    for name in ["REDIS_URL", "SESSION_TIMEOUT", "LOCAL_CACHE_TTL", "LOCAL_CACHE_MAX_SIZE", "NODE_ID"] {
        assert!(output.contains(name), "{name} in {output}");
    }
    assert!(!output.contains("s3cr3t-canary"), "{output}");
}

/// K11: such variables were ignored silently. Those of a desktop and of Kubernetes are not reported.
#[tokio::test]
async fn k11_variables_that_resemble_settings_cause_one_warning() {
    let node = node_with(
        &RedisServer::start().await,
        &[
            ("SESSION_SECRETS", "value-canary"),
            ("LOCAL_CACHE_SIZE", "value-canary"),
            ("REDIS_HOST", "value-canary"),
            ("SESSION_MANAGER", "local/desktop:@/tmp/.ICE-unix/1"),
            ("REDIS_PORT", "tcp://10.0.0.1:6379"),
            ("REDIS_SERVICE_HOST", "10.0.0.1"),
        ],
    )
    .await;
    let output = node.output();
    let warnings: Vec<_> = output.lines().filter(|line| line.contains("resemble settings")).collect();
    assert_eq!(warnings.len(), 1, "{output}");
    for name in ["SESSION_SECRETS", "LOCAL_CACHE_SIZE", "REDIS_HOST"] {
        assert!(warnings[0].contains(name), "{output}");
    }
    for other in ["value-canary", "SESSION_MANAGER", "REDIS_PORT", "REDIS_SERVICE_HOST"] {
        assert!(!output.contains(other), "{output}");
    }
}

/// F3: unexpanded templates and published secrets were accepted.
#[tokio::test]
async fn k9_f3_no_node_starts_with_a_template_or_a_published_secret() {
    for secret in [
        "${SESSION_SECRET:?make one with openssl rand -base64 48}",
        "an-end-to-end-secret-of-more-than-32-characters",
        "super-secret-key-change-in-production!",
    ] {
        let output = failed_start(&[("SESSION_SECRET", secret)]).await;
        assert!(output.contains("SESSION_SECRET: ") && !output.contains(secret), "{output}");
    }
}

#[tokio::test]
async fn unsupported_settings_are_rejected() {
    for name in ["SESSION_ENCRYPT", "SESSION_COMPRESS"] {
        let output = failed_start(&[(name, "true")]).await;
        assert!(output.contains(name) && output.contains("support"), "{output}");
    }
}

/// The node also has a `REDIS_URL`.
#[tokio::test]
async fn contradictory_settings_are_rejected() {
    for (name, value) in [
        ("REDIS_CLUSTER_NODES", "localhost:7000"),
        ("REDIS_NODE_1_HOST", "localhost"),
        ("REDIS_TLS", "true"),
        ("REDIS_CA_FILE", "ca.pem"),
    ] {
        let output = failed_start(&[(name, value)]).await;
        assert!(output.contains(name) && output.contains("REDIS_URL"), "{output}");
    }
}

/// A node does not start with a setting that it cannot read.
#[cfg(unix)]
#[tokio::test]
async fn a_setting_that_is_not_utf_8_is_reported() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let latin_1 = OsString::from_vec(b"redis://user:p\xe4ss@localhost".to_vec());
    let (status, output) = NodeProcess::try_start(reference_node(), [("REDIS_URL", latin_1)])
        .await
        .expect_err("the node started without Redis");
    assert!(!status.success());
    assert!(output.contains("REDIS_URL") && output.contains("UTF-8"), "{output}");
}
