//! Nodes, and browsers that use them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use handstamp_core::id::Namespace;
use handstamp_redis::{Channel, RedisConfig, acl_rules};
use handstamp_testkit::{NodeProcess, PATIENCE, RedisServer, random_secret};
pub(crate) use handstamp_testkit::{reference_node, until};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// The secret of the nodes in these tests.
pub(crate) static SECRET: LazyLock<String> = LazyLock::new(random_secret);

/// The default budgets. Most nodes here have longer ones, so that tests that are not about time do not depend on the load of the
/// machine.
pub(crate) const DEFAULT_BUDGETS: [(&str, &str); 2] =
    [("SESSION_LOAD_BUDGET", "250ms"), ("SESSION_SAVE_BUDGET", "500ms")];

/// Settings that depend on time as little as possible: cached sessions stay fresh for longer than any test, and a server that does not
/// reply for some seconds is not considered dead.
pub(crate) const CACHED_FOR_LONG: [(&str, &str); 2] =
    [("LOCAL_CACHE_TTL", "10m"), ("LOCAL_CACHE_MAX_STALENESS", "1m")];

/// The settings of a node on this Redis.
pub(crate) fn settings(redis: &RedisServer, name: &str) -> BTreeMap<&'static str, String> {
    settings_at(&redis.url(), name)
}

pub(crate) fn settings_at(redis_url: &str, name: &str) -> BTreeMap<&'static str, String> {
    [
        ("REDIS_URL", redis_url),
        ("NODE_ID", name),
        ("SESSION_SECRET", &SECRET),
        ("SESSION_LOAD_BUDGET", "10s"),
        ("SESSION_SAVE_BUDGET", "10s"),
        ("RUST_LOG", "info,handstamp=trace,handstamp_store=trace,handstamp_redis=trace"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// A node that is connected to this Redis.
pub(crate) async fn node(redis: &RedisServer, name: &str) -> NodeProcess {
    node_with(redis, &[("NODE_ID", name)]).await
}

/// A node that is connected to this Redis, with changed settings.
pub(crate) async fn node_with(redis: &RedisServer, changed: &[(&'static str, &str)]) -> NodeProcess {
    let mut settings = settings(redis, "node");
    settings.extend(changed.iter().map(|&(name, value)| (name, value.to_owned())));
    let node = NodeProcess::start(reference_node(), settings).await;
    until_healthy(&node).await;
    node
}

/// Three nodes that are connected to this Redis.
pub(crate) async fn three_nodes(redis: &RedisServer) -> [NodeProcess; 3] {
    three_nodes_with(redis, &[]).await
}

/// Three nodes that are connected to this Redis, with changed settings.
pub(crate) async fn three_nodes_with(
    redis: &RedisServer,
    changed: &[(&'static str, &str)],
) -> [NodeProcess; 3] {
    let node = async |name| {
        let changed: Vec<_> = changed.iter().copied().chain([("NODE_ID", name)]).collect();
        node_with(redis, &changed).await
    };
    tokio::join!(node("node-1"), node("node-2"), node("node-3")).into()
}

/// Waits until a node is connected to its Redis, and receives invalidations.
pub(crate) async fn until_healthy(node: &NodeProcess) {
    let mut browser = Browser::new();
    until("the node is healthy", async || browser.get(node, "/health").await.status() == StatusCode::OK)
        .await;
}

/// A client with the session cookie of one visitor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    client: reqwest::Client,
    /// `name=value`.
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let no_redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(no_redirects).timeout(PATIENCE).build();
        let client = client.expect("a client");
        Self { client, cookie: None }
    }

    /// A browser that sends this cookie, `name=value`.
    pub(crate) fn with_cookie(cookie: String) -> Self {
        Self { cookie: Some(cookie), ..Self::new() }
    }

    /// A browser that is logged in.
    pub(crate) async fn logged_in(node: &NodeProcess, name: &str) -> Self {
        let mut browser = Self::new();
        browser.login(node, name).await;
        browser
    }

    pub(crate) async fn login(&mut self, node: &NodeProcess, name: &str) {
        let login = self.request(Method::POST, &node.base_url(), "/login").json(&json!({ "username": name }));
        assert_eq!(self.send(login).await.status(), StatusCode::OK);
    }

    pub(crate) fn request(&self, method: Method, base_url: &str, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{base_url}{path}"));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Response {
        let response = request.send().await.expect("a response");
        for header in response.headers().get_all("set-cookie") {
            let (pair, attributes) = header.to_str().expect("ASCII").split_once(';').expect("attributes");
            self.cookie = (!attributes.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        response
    }

    pub(crate) async fn get(&mut self, node: &NodeProcess, path: &str) -> Response {
        self.send(self.request(Method::GET, &node.base_url(), path)).await
    }

    pub(crate) async fn post(&mut self, node: &NodeProcess, path: &str) -> Response {
        self.send(self.request(Method::POST, &node.base_url(), path)).await
    }

    /// The response of `/me` to a visitor that is logged in.
    pub(crate) async fn me(&mut self, node: &NodeProcess) -> Value {
        let response = self.get(node, "/me").await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.expect("JSON")
    }

    pub(crate) async fn status_of_me(&mut self, node: &NodeProcess) -> StatusCode {
        self.get(node, "/me").await.status()
    }

    /// The value of the session cookie.
    pub(crate) fn session(&self) -> &str {
        self.cookie
            .as_deref()
            .and_then(|cookie| cookie.strip_prefix("handstamp-id="))
            .expect("a session cookie")
    }
}

/// The logged commands on session records, without those of subscriptions and checks.
pub(crate) fn session_commands(redis: &RedisServer) -> Vec<String> {
    let logged = redis.logged_commands().into_iter();
    let on_sessions = logged.filter(|command| command.iter().any(|argument| is_record(argument)));
    on_sessions.filter_map(|command| command.into_iter().next()).collect()
}

/// The number of loads of sessions since the server logs its commands.
pub(crate) fn loads(redis: &RedisServer) -> usize {
    session_commands(redis).iter().filter(|command| *command == "GET").count()
}

/// The keys with session records, without tombstones.
pub(crate) fn records(redis: &RedisServer) -> Vec<String> {
    let is_record = |key: &String| redis.get(key).is_some_and(|bytes| bytes.starts_with(b"hs"));
    redis.keys().into_iter().filter(is_record).collect()
}

/// Whether this is the Redis key of a record: the prefix, and the label as a hash tag.
fn is_record(name: &str) -> bool {
    name.starts_with("handstamp:s:{")
}

/// The user that [`permit`] creates.
pub(crate) const USER: &str = "app";
pub(crate) const PASSWORD: &str = "password-canary";

/// Creates a user with the ACL rules that a node needs, except for some.
pub(crate) fn permit(redis: &RedisServer, without: &[&str]) {
    let namespace = Namespace::default();
    let config = RedisConfig::new("redis://localhost".parse().expect("a URL"));
    let rules = acl_rules(&config, &namespace, &Channel::of(&namespace));
    let rules = rules.iter().map(String::as_str).filter(|rule| !without.contains(rule));
    let password = format!(">{PASSWORD}");
    let user = ["ACL", "SETUSER", USER, "reset", "on", &password];
    redis.command(&user.into_iter().chain(rules).collect::<Vec<_>>());
}

/// The warnings and errors of handstamp that a node has logged, without the time.
pub(crate) fn warnings(node: &NodeProcess) -> Vec<String> {
    let output = node.output();
    assert!(!output.contains(PASSWORD), "a password in the log:\n{output}");
    let levels = [" WARN ", "ERROR "];
    let lines = output.lines().filter_map(|line| levels.iter().find_map(|level| line.split_once(level)));
    lines.map(|(_, text)| text.to_owned()).filter(|text| text.starts_with("handstamp")).collect()
}

/// The [`warnings`] that a node has logged more than once.
pub(crate) fn repeated_warnings(node: &NodeProcess) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let text = |line: &String| line.split(" more=").next().unwrap_or_default().to_owned();
    warnings(node).into_iter().filter(|line| !seen.insert(text(line))).collect()
}
