//! A store that cannot take writes is detected at start and later, shown by `/health` and logged once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_testkit::{NodeProcess, PATIENCE, RedisCluster, RedisServer, ServerOptions, free_port};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Browser, DEFAULT_BUDGETS, PASSWORD, USER, permit, reference_node, repeated_warnings, settings_at, until,
    until_well, warnings,
};

/// What happens to a server, what puts it right, and what is said meanwhile.
struct Fault {
    begin: fn(&RedisServer),
    end: fn(&RedisServer),
    /// A part of the reason that the log gives.
    logged: &'static str,
    /// Fields of `/health`.
    shown: Value,
}

fn faults() -> Vec<Fault> {
    let rejected = || json!({ "status": "unhealthy", "redis": false });
    let acl = |begin: fn(&RedisServer), logged, shown| Fault {
        begin,
        end: |server| permit(server, &[]),
        logged,
        shown,
    };
    vec![
        acl(
            |server| permit(server, &["+eval", "+evalsha"]),
            "NOPERM: the user has no permission for this command, key or channel (evalsha)",
            rejected(),
        ),
        acl(|server| permit(server, &["+publish"]), PUBLISH, rejected()),
        acl(|server| permit(server, &["+set"]), "(a command in a script)", rejected()),
        acl(|server| permit(server, &["~handstamp:s:*"]), "(the keys of sessions)", rejected()),
        acl(|server| permit(server, &["&handstamp:invalidate"]), PUBLISH, rejected()),
        acl(
            |server| {
                permit(server, &["+subscribe"]);
                server.kill_clients("pubsub");
            },
            "(subscribe)",
            json!({ "status": "degraded", "redis": true, "coordinator_running": false }),
        ),
        Fault {
            begin: |server| set(server, "maxmemory", "1"),
            end: |server| set(server, "maxmemory", "0"),
            logged: "OOM: it has no memory left (maxmemory)",
            shown: rejected(),
        },
        Fault {
            begin: |server| set(server, "min-replicas-to-write", "1"),
            end: |server| set(server, "min-replicas-to-write", "0"),
            logged: "NOREPLICAS: it has too few replicas to take writes (min-replicas-to-write)",
            shown: rejected(),
        },
        Fault {
            begin: fail_to_snapshot,
            end: |server| set(server, "save", ""),
            logged: "MISCONF: it cannot write to its disk",
            shown: rejected(),
        },
        Fault {
            begin: |server| _ = server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]),
            end: |server| _ = server.command(&["REPLICAOF", "NO", "ONE"]),
            logged: "the server is no primary: name the primary, or its Sentinels",
            shown: json!({ "status": "unhealthy", "redis": false }),
        },
    ]
}

const PUBLISH: &str = "(publish on the channel of invalidations)";

fn set(server: &RedisServer, name: &str, value: &str) {
    server.command(&["CONFIG", "SET", name, value]);
}

/// From then on the server takes no writes (`stop-writes-on-bgsave-error`).
#[expect(clippy::disallowed_methods, reason = "it polls, and nothing else goes on meanwhile")]
fn fail_to_snapshot(server: &RedisServer) {
    let gone = TempDir::new().unwrap();
    set(server, "save", "3600 1");
    set(server, "dir", gone.path().to_str().unwrap());
    gone.close().unwrap();
    server.command(&["BGSAVE"]);
    // The child process takes a while to fail.
    let attempts = PATIENCE.as_millis() / PAUSE.as_millis();
    let has_failed = (0..attempts).any(|_| {
        std::thread::sleep(PAUSE);
        matches!(server.try_command(&["PING"]), Err(refusal) if refusal.code() == Some("MISCONF"))
    });
    assert!(has_failed, "the snapshot does not fail");
}

const PAUSE: Duration = Duration::from_millis(10);

#[tokio::test]
async fn k11_a_store_that_takes_no_writes_is_shown_and_logged_once_until_it_does() {
    join_all(faults().into_iter().map(shown_and_logged_once)).await;
}

async fn shown_and_logged_once(fault: Fault) {
    let args = ["--enable-protected-configs", "yes"].map(str::to_owned).to_vec();
    let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
    permit(&server, &[]);
    let url = server.url_as(USER, PASSWORD);
    // Reads are served however long the fault lasts on a busy machine.
    let settings = |name| {
        let outage = ("SESSION_OUTAGE", "serve:1h".to_owned());
        settings_at(&url, name).into_iter().chain([outage]).collect::<BTreeMap<_, _>>()
    };
    let early = NodeProcess::start(reference_node(), settings("early")).await;
    until_well(&early).await;
    let mut browser = Browser::logged_in(&early, "ada").await;
    (fault.begin)(&server);
    let late = NodeProcess::start(reference_node(), settings("late")).await;
    let rejects_writes = fault.shown["redis"] == false;
    for node in [&early, &late] {
        let written = browser.post(node, "/visits").await.status();
        assert_eq!(written == StatusCode::SERVICE_UNAVAILABLE, rejects_writes, "{}", fault.logged);
        until("it is shown", async || is_shown(node, &fault.shown).await).await;
        assert_eq!(browser.get(node, "/health/live").await.status(), StatusCode::OK);
    }
    if rejects_writes {
        assert_eq!(browser.status_of_me(&early).await, StatusCode::OK, "sessions can be read");
        assert_eq!(browser.get(&early, "/health/ready").await.status(), StatusCode::OK, "{}", fault.logged);
        let ready = browser.get(&late, "/health/ready").await.status();
        assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never been of use: {}", fault.logged);
    }
    for node in [&early, &late] {
        until("attempts go on", async || node.output().matches(" still ").count() > 1).await;
        assert!(warnings(node).iter().any(|line| line.contains(fault.logged)), "{}", node.output());
    }
    (fault.end)(&server);
    for node in [&early, &late] {
        until_well(node).await;
        until("writes work", async || browser.post(node, "/visits").await.status() == StatusCode::OK).await;
        assert_eq!(browser.get(node, "/health/ready").await.status(), StatusCode::OK);
        assert_eq!(repeated_warnings(node), Vec::<String>::new());
        let connections = connections(node);
        assert!(connections < 5, "{connections} connections");
    }
}

/// How often a node has connected, apart from connections in the place of those that did not reply: a busy machine causes
/// that, too.
fn connections(node: &NodeProcess) -> usize {
    let output = node.output();
    let is_silent =
        |line: &&str| line.contains("lost the connection to the session store") && line.contains(SILENCE);
    let silent = output.lines().filter(is_silent).count();
    output.matches("connected to the session store").count().saturating_sub(silent)
}

const SILENCE: &str = "it does not answer";

async fn is_shown(node: &NodeProcess, expected: &Value) -> bool {
    let answer = Browser::new().get(node, "/health").await;
    let status = answer.status();
    let health: Value = answer.json().await.unwrap();
    let expected = expected.as_object().unwrap();
    status == StatusCode::SERVICE_UNAVAILABLE && expected.iter().all(|(name, value)| health[name] == *value)
}

#[tokio::test]
async fn k11_a_command_with_another_name_is_shown_and_logged_once() {
    join_all(["EVAL", "EVALSHA", "PUBLISH", "SET"].map(async |command| {
        let args = ["--rename-command", command, "other"].map(str::to_owned).to_vec();
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        let node = NodeProcess::start(reference_node(), settings_at(&server.url(), "node")).await;
        until_rejected(&node, "it lacks a command, or has it under another name").await;
    }))
    .await;
}

#[tokio::test]
async fn k11_a_node_of_a_cluster_as_a_single_server_is_shown_and_logged_once() {
    let cluster = RedisCluster::start().await;
    let node = NodeProcess::start(reference_node(), settings_at(&cluster.node(0).url(), "node")).await;
    until_rejected(&node, "MOVED: it is part of a cluster: use redis-cluster://").await;
}

async fn until_rejected(node: &NodeProcess, logged: &str) {
    let shown = json!({ "status": "unhealthy", "redis": false });
    until("it is shown", async || is_shown(node, &shown).await).await;
    until("attempts go on", async || node.output().matches("still rejects writes").count() > 1).await;
    assert!(warnings(node).iter().any(|line| line.contains(logged)), "{}", node.output());
    assert_eq!(repeated_warnings(node), Vec::<String>::new());
    let ready = Browser::new().get(node, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never been of use");
}

/// K11: one line for each server, which says which.
#[tokio::test]
async fn k11_in_a_cluster_the_log_names_each_server() {
    let cluster = RedisCluster::start().await;
    let primaries = cluster.primaries();
    for primary in &primaries {
        set(cluster.node(*primary), "maxmemory", "1");
    }
    let node = NodeProcess::start(reference_node(), settings_at(&cluster.url(), "node")).await;
    until("all are told", async || node.output().matches(" rejects writes").count() >= primaries.len()).await;
    until("attempts go on", async || node.output().matches("still rejects writes").count() > 2).await;
    let warnings = warnings(&node);
    let lines: Vec<_> = warnings.iter().filter(|line| line.contains("rejects writes")).collect();
    assert_eq!(lines.len(), primaries.len(), "{lines:?}");
    for primary in primaries {
        let server = format!("127.0.0.1:{}", cluster.node(primary).port());
        assert!(lines.iter().any(|line| line.contains(&server)), "{server}: {lines:?}");
    }
}

/// K11: of no use to a node whose logins have to reach a replica.
#[tokio::test]
async fn k11_too_few_replicas_are_shown() {
    let server = RedisServer::start().await;
    let mut replica = RedisServer::start().await;
    let mut settings = settings_at(&server.url(), "node");
    settings.insert("REDIS_WAIT_REPLICAS", "1".to_owned());
    // Long enough for a replica, and short enough to see that there is none.
    settings.insert("SESSION_SAVE_BUDGET", "2s".to_owned());
    let node = NodeProcess::start(reference_node(), settings).await;
    until_rejected(&node, "too few replicas have it yet").await;
    server.command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    replica.command(&["REPLICAOF", "127.0.0.1", &server.port().to_string()]);
    until_well(&node).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK);
    replica.kill();
    let shown = json!({ "status": "unhealthy", "redis": false });
    until("it is shown", async || is_shown(&node, &shown).await).await;
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK, "it can serve reads");
}

/// K11: writes that hang are no writes.
#[tokio::test]
async fn k11_writes_that_hang_are_shown_and_logged_once() {
    let server = RedisServer::start().await;
    let settings = |name| {
        let mut settings = settings_at(&server.url(), name);
        settings.extend(DEFAULT_BUDGETS.map(|(name, value)| (name, value.to_owned())));
        settings
    };
    let early = NodeProcess::start(reference_node(), settings("early")).await;
    until_well(&early).await;
    server.command(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let late = NodeProcess::start(reference_node(), settings("late")).await;
    let mut browser = Browser::new();
    let ready = browser.get(&late, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "that is not known yet");
    let shown = json!({ "status": "unhealthy", "redis": false });
    for node in [&early, &late] {
        until("it is shown", async || is_shown(node, &shown).await).await;
        until("attempts go on", async || node.output().matches("still does not reply to writes").count() > 2)
            .await;
        assert!(is_shown(node, &shown).await);
    }
    let ready = browser.get(&late, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never been of use");
    server.command(&["CLIENT", "UNPAUSE"]);
    for node in [&early, &late] {
        until_well(node).await;
        assert_eq!(browser.get(node, "/health/ready").await.status(), StatusCode::OK);
        assert_eq!(node.output().matches("the session store does not reply to writes").count(), 1);
    }
}

/// Of these, a node can do without each.
#[tokio::test]
async fn k11_what_is_not_needed_is_not_missed() {
    let denials = [&[][..], &["+role"], &["+info"], &["+role", "+info"], &["+client|setname"]];
    join_all(denials.map(async |denied| {
        let args = ["--rename-command", "CONFIG", ""].map(str::to_owned).to_vec();
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        permit(&server, denied);
        let node =
            NodeProcess::start(reference_node(), settings_at(&server.url_as(USER, PASSWORD), "node")).await;
        until_well(&node).await;
        let mut browser = Browser::logged_in(&node, "ada").await;
        assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::OK);
        // Without the time of the server, deadlines go by the clock of the node.
        let status = if denied.contains(&"+info") { "degraded" } else { "ok" };
        let expected =
            json!({ "status": status, "redis": true, "coordinator_running": true, "cache_size": 1 });
        until("it is well, with a session in its cache", async || {
            assert_eq!(browser.status_of_me(&node).await, StatusCode::OK);
            browser.get(&node, "/health").await.json::<Value>().await.unwrap() == expected
        })
        .await;
        // A busy machine causes others.
        let refusals = ["NOPERM", "denied", "rejects", "unknown command", "permission"];
        let is_refusal = |line: &String| refusals.iter().any(|refusal| line.contains(refusal));
        let warnings: Vec<_> = warnings(&node).into_iter().filter(is_refusal).collect();
        let expected = denied.iter().filter(|denied| ["+role", "+info"].contains(denied)).count();
        assert_eq!(warnings.len(), expected, "{warnings:?}");
    }))
    .await;
}
