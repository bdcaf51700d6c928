//! The files for deployment are consistent. They are only parsed, because Docker is not available where the tests run.

#![expect(clippy::unwrap_used, reason = "these are tests, and their helpers are part of them")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

#[test]
fn the_compose_file_follows_the_compose_specification() {
    let mut compose = compose();
    assert_eq!(problems(&compose), [""; 0]);
    assert_eq!(compose.get("version"), None, "`version` is obsolete");

    // The schema detects mistakes.
    compose["services"]["redis"]["volume"] = json!(["redis-data:/data"]);
    assert_eq!(problems(&compose).len(), 1);
}

#[test]
fn the_three_nodes_differ_only_in_their_id() {
    let mut nodes = nodes(&compose());
    let mut ids = BTreeSet::new();
    for (name, node) in &mut nodes {
        let id = node["environment"]["NODE_ID"].take();
        assert_eq!(id.as_str(), Some(name.as_str()));
        ids.insert(name.clone());
    }
    assert_eq!(ids.len(), 3);
    assert!(nodes.windows(2).all(|pair| pair[0].1 == pair[1].1), "{nodes:#?}");
}

#[test]
fn nodes_have_the_address_of_redis_and_wait_for_it() {
    for (name, node) in nodes(&compose()) {
        assert_eq!(node["build"], ".", "{name}");
        assert_eq!(node["environment"]["PORT"], 3000, "{name}");
        assert_eq!(node["environment"]["REDIS_URL"], "redis://redis:6379", "{name}");
        assert_eq!(node["depends_on"]["redis"]["condition"], "service_healthy", "{name}");
        assert_eq!(node["restart"], "unless-stopped", "{name}");
        assert!(node["stop_grace_period"].is_string(), "{name}");
    }
}

#[test]
fn nothing_starts_without_a_secret() {
    for (name, node) in nodes(&compose()) {
        let secret = node["environment"]["SESSION_SECRET"].as_str().unwrap();
        assert!(secret.starts_with("${SESSION_SECRET:?"), "{name}: {secret}");
    }
}

#[test]
fn redis_persists_sessions() {
    let compose = compose();
    let redis = &compose["services"]["redis"];
    let command: Vec<_> = redis["command"].as_array().unwrap().iter().collect();
    for option in [["--appendonly", "yes"], ["--maxmemory-policy", "noeviction"]] {
        assert!(command.windows(2).any(|pair| pair == option), "{option:?} in {command:?}");
    }
    assert_eq!(redis["volumes"], json!(["redis-data:/data"]));
    assert!(compose["volumes"].as_object().unwrap().contains_key("redis-data"));
    assert_eq!(redis["healthcheck"]["test"], json!(["CMD", "redis-cli", "ping"]));
}

#[test]
fn only_nginx_has_a_published_port_and_its_upstreams_are_the_nodes() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service.get("ports").is_some(), name == "nginx", "{name}");
    }
    let nginx = &compose["services"]["nginx"];
    assert_eq!(nginx["ports"], json!(["80:80"]));
    assert_eq!(nginx["volumes"], json!(["./nginx.conf:/etc/nginx/nginx.conf:ro"]));

    let nodes: BTreeSet<_> = nodes(&compose).into_iter().map(|(name, _)| name).collect();
    let dependencies: BTreeSet<_> = nginx["depends_on"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(dependencies, nodes);

    let conf = read("nginx.conf");
    assert!(conf.contains("listen 80;"));
    let upstreams: Vec<_> = conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server ")?.split(' ').next())
        .filter(|address| *address != "{")
        .map(str::to_owned)
        .collect();
    assert_eq!(upstreams, nodes.iter().map(|name| format!("{name}:3000")).collect::<Vec<_>>());
}

#[test]
fn the_dockerfile_copies_existing_files_and_builds_the_node() {
    let dockerfile = read("Dockerfile");
    let mut copied = BTreeSet::new();
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["--from=build", program, _] => assert_eq!(*program, "/usr/local/bin/cluster-node"),
            [files @ .., "./"] => copied.extend(files),
            [folder, same] if folder == same => copied.extend([folder]),
            _ => panic!("an unexpected COPY: {line}"),
        }
    }
    for path in &copied {
        assert!(top().join(path).exists(), "{path}");
    }
    let ignored = read(".dockerignore");
    let included: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(included, copied);
    // Cargo needs every member of the workspace.
    for folder in ["crates", "examples", "tests"] {
        assert!(copied.contains(folder), "{folder}");
    }

    assert!(dockerfile.contains("cargo build --release --locked --package cluster-node"));
    assert!(read("examples/cluster-node/Cargo.toml").contains("name = \"cluster-node\""));
    assert!(dockerfile.lines().any(|line| line.starts_with("USER ") && !line.contains("root")));
    assert!(dockerfile.contains("EXPOSE 3000"));
}

/// The violations of the schema in a Compose file.
fn problems(compose: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("data/compose-spec.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(compose).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn compose() -> Value {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap()
}

/// The services that run the node.
fn nodes(compose: &Value) -> Vec<(String, Value)> {
    compose["services"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, service)| service.get("build").is_some())
        .map(|(name, service)| (name.clone(), service.clone()))
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap()
}

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
