use handstamp_testkit::{NodeProcess, RedisServer};

use crate::support::{node_with, reference_node, settings};

/// What a node with these settings says before it ends.
async fn refusal(changed: &[(&'static str, &str)]) -> String {
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
async fn without_a_good_secret_nothing_starts_on_redis() {
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
        let output = refusal(&[("SESSION_SECRET", secret)]).await;
        assert!(output.contains("SESSION_SECRET"), "{output}");
        assert!(secret.is_empty() || !output.contains(secret), "{output}");
    }
}

#[tokio::test]
async fn all_wrong_settings_are_named_at_once() {
    let output = refusal(&[
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

/// K11: these were ignored silently. Variables of a desktop and of Kubernetes are no mistakes.
#[tokio::test]
async fn k11_variables_that_resemble_settings_are_warned_of_once() {
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

/// F3: an unexpanded template was accepted as a secret, and so was a published one.
#[tokio::test]
async fn k9_f3_templates_and_published_secrets_start_nothing() {
    for secret in [
        "${SESSION_SECRET:?make one with openssl rand -base64 48}",
        "an-end-to-end-secret-of-more-than-32-characters",
        "super-secret-key-change-in-production!",
    ] {
        let output = refusal(&[("SESSION_SECRET", secret)]).await;
        assert!(output.contains("SESSION_SECRET: ") && !output.contains(secret), "{output}");
    }
}

#[tokio::test]
async fn what_is_not_supported_is_refused() {
    for name in ["SESSION_ENCRYPT", "SESSION_COMPRESS"] {
        let output = refusal(&[(name, "true")]).await;
        assert!(output.contains(name) && output.contains("support"), "{output}");
    }
}

/// The node has a `REDIS_URL` besides.
#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    for (name, value) in [
        ("REDIS_CLUSTER_NODES", "localhost:7000"),
        ("REDIS_NODE_1_HOST", "localhost"),
        ("REDIS_TLS", "true"),
        ("REDIS_CA_FILE", "ca.pem"),
    ] {
        let output = refusal(&[(name, value)]).await;
        assert!(output.contains(name) && output.contains("REDIS_URL"), "{output}");
    }
}

/// Rather no service than one that is not what was asked for.
#[cfg(unix)]
#[tokio::test]
async fn a_setting_that_is_no_text_is_named() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let latin_1 = OsString::from_vec(b"redis://user:p\xe4ss@localhost".to_vec());
    let (status, output) = NodeProcess::try_start(reference_node(), [("REDIS_URL", latin_1)])
        .await
        .expect_err("the node started without Redis");
    assert!(!status.success());
    assert!(output.contains("REDIS_URL") && output.contains("UTF-8"), "{output}");
}
