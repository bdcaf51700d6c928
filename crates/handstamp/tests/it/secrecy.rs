//! Credentials are in the cookie only.

use axum::Router;
use axum::routing::get;
use handstamp::store::{Bus, Records, Subscription};
use handstamp::{Config, Encoding, Session, SessionLayer};

use handstamp_testkit::Log;

use crate::support::{Cluster, Node, User, config, secret};

#[tokio::test]
async fn logs_messages_and_records_contain_no_credential() {
    let (log, _guard) = Log::capture();

    let cluster = Cluster::new();
    let mut messages = cluster.bus.subscribe(handstamp_store::Shard::ONLY).await.unwrap();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let (cookie, key) = (browser.session(), browser.session_key());
    browser.post("/visit", "").await;
    let record = cluster.store.load(&key).await.unwrap().unwrap().entry.bytes().to_vec();
    node.faults.fail();
    browser.clone().post("/visit", "").await;
    browser.clone().post("/logout", "").await;
    node.faults.work();
    node.sessions.clear_local_cache();
    browser.me().await.unwrap_err();
    browser.post("/logout", "").await;

    let mut places = vec![record, log.take()];
    while let Some(message) = messages.try_next() {
        places.push(message.unwrap().message().unwrap().to_vec());
    }
    assert!(places.len() >= 4, "there were messages");
    assert!(!places[1].is_empty(), "there were logs");

    let id = &base64_decode(&cookie)[2..34];
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let canaries = [id, hex.as_bytes(), cookie.as_bytes(), &cookie.as_bytes()[4..40], secret().as_bytes()];
    for place in places {
        for canary in canaries {
            let found = place.windows(canary.len()).any(|window| window == canary);
            assert!(!found, "a credential in {}", String::from_utf8_lossy(&place));
        }
    }
}

fn base64_decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = |byte: u8| ALPHABET.iter().position(|&letter| letter == byte).unwrap() as u32;
    let quads = text.as_bytes().chunks(4);
    quads
        .flat_map(|quad| {
            let bits = quad.iter().fold(0, |bits, &byte| bits << 6 | position(byte));
            [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
        })
        .collect()
}

/// F15: `Debug` of a record contained the visitor's data.
#[tokio::test]
async fn k11_f15_debug_shows_no_data() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("canary").await;
    let stored = cluster.store.load(&browser.session_key()).await.unwrap().unwrap();
    let shown = format!("{stored:?} {stored:#?}");
    assert!(!shown.contains("canary") && !shown.contains("\\xa6"), "{shown}");
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let config = Config::new().session_secret(secret()).redis_url("redis://ada:pa55word@localhost:6379");
    let shown = format!("{config:?}");
    assert!(!shown.contains(secret()) && !shown.contains("pa55word"), "{shown}");
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let layer = SessionLayer::<User>::new(&node.sessions);
    let shown = format!("{:?} {layer:?}", node.sessions);
    assert!(!shown.contains(secret()), "{shown}");
}

/// A type that has changed without a new schema: the stored data cannot be decoded, and must not be quoted.
#[tokio::test]
async fn errors_do_not_quote_data_that_cannot_be_decoded() {
    #[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
    struct Changed {
        #[serde(default)]
        name: u64,
    }
    impl handstamp::SessionData for Changed {}

    let (log, _guard) = Log::capture();

    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let cluster = Cluster::new();
        let node = cluster.node_with(config().session_encoding(encoding)).await;
        let mut browser = node.browser();
        browser.login("name-canary").await;
        let handler = get(async |session: Session<Changed>| session.is_new().to_string());
        let node = cluster.bare_node_with(config().session_encoding(encoding)).await;
        let app = Router::new().route("/", handler).layer(SessionLayer::<Changed>::new(&node.sessions));
        let response = browser.on(&Node { app, ..node }).get("/").await;
        assert_eq!(response.body, "true", "the visitor is treated as new");
    }
    let log = String::from_utf8(log.take()).unwrap();
    assert!(log.contains("cannot be read"), "{log}");
    assert!(!log.contains("canary"), "{log}");
}
