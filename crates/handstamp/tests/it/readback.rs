//! K3.1: the node that writes a session sees what every other node sees.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};

use axum::Router;
use axum::routing::{get, post};
use handstamp::{Encoding, Session, SessionData, SessionError};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::support::*;

/// The response to a request that stores `value`, and the data that this node and another one read after that.
async fn stored<T: SessionData + Debug>(encoding: Encoding, value: T) -> (StatusCode, String, String) {
    let cluster = Cluster::new();
    let routes = |value: T| {
        let set = async move |session: Session<T>| session.replace(value.clone());
        let read = async |session: Session<T>| format!("{:?}", session.get());
        Router::new().route("/set", post(set)).route("/", get(read))
    };
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let node = cluster.bare_node_with(config().session_encoding(encoding)).await;
        let app = routes(value.clone()).layer(handstamp::SessionLayer::<T>::new(&node.sessions));
        nodes.push(Node { app, ..node });
    }
    let mut browser = nodes[0].browser();
    let status = browser.post("/set", "").await.status;
    let here = browser.get("/").await.body;
    let there = browser.on(&nodes[1]).get("/").await.body;
    (status, here, there)
}

/// The response to a request that stores a value, if both nodes read this after it.
fn seen(status: StatusCode, everywhere: &impl Debug) -> (StatusCode, String, String) {
    (status, format!("{everywhere:?}"), format!("{everywhere:?}"))
}

const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// Types with a human-readable form survive it in tagged, untagged and flattened types, too.
#[tokio::test]
async fn k3_1_data_with_addresses_in_tagged_types_is_the_same_everywhere() {
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        #[default]
        Anonymous,
        User {
            from: Option<IpAddr>,
        },
    }
    impl SessionData for Tagged {}

    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    #[serde(untagged)]
    enum Untagged {
        #[default]
        Anonymous,
        User {
            from: IpAddr,
        },
    }
    impl SessionData for Untagged {}

    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Inner {
        from: Option<IpAddr>,
    }
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Flattened {
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        more: BTreeMap<String, u32>,
    }
    impl SessionData for Flattened {}

    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let tagged = Tagged::User { from: ADDRESS };
        assert_eq!(stored(encoding, tagged.clone()).await, seen(StatusCode::OK, &tagged));
        let untagged = Untagged::User { from: ADDRESS.unwrap() };
        assert_eq!(stored(encoding, untagged.clone()).await, seen(StatusCode::OK, &untagged));
        let more = BTreeMap::from([("a".to_owned(), 1)]);
        let flattened = Flattened { inner: Inner { from: ADDRESS }, more };
        assert_eq!(stored(encoding, flattened.clone()).await, seen(StatusCode::OK, &flattened));
    }
}

/// Data that does not decode is rejected before it is written, and the session is as it was.
#[tokio::test]
async fn k3_1_data_that_does_not_decode_is_rejected() {
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "is_zero")]
        count: u32,
        other: u32,
    }
    fn is_zero(count: &u32) -> bool {
        *count == 0
    }
    impl SessionData for Sparse {}

    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    #[serde(tag = "kind")]
    enum Large {
        #[default]
        Nothing,
        Number {
            number: u128,
        },
    }
    impl SessionData for Large {}

    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let rejected = stored(encoding, Sparse { count: 0, other: 1 }).await;
        assert_eq!(rejected, seen(StatusCode::INTERNAL_SERVER_ERROR, &Sparse::default()), "{encoding:?}");
        let kept = Sparse { count: 1, other: 1 };
        assert_eq!(stored(encoding, kept.clone()).await, seen(StatusCode::OK, &kept));
    }
    let large = stored(Encoding::MessagePack, Large::Number { number: u128::MAX }).await;
    assert_eq!(large, seen(StatusCode::INTERNAL_SERVER_ERROR, &Large::Nothing));
}

/// Data that decodes to another value has that value everywhere at once.
#[tokio::test]
async fn k3_1_data_that_decodes_to_another_value_has_it_everywhere() {
    #[expect(clippy::option_option, reason = "it does not survive its encoding")]
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Skipping {
        #[serde(skip)]
        secret: u32,
        nested: Option<Option<u32>>,
    }
    impl SessionData for Skipping {}

    let everywhere = Skipping { secret: 0, nested: None };
    for encoding in [Encoding::MessagePack, Encoding::Json] {
        let stored = stored(encoding, Skipping { secret: 7, nested: Some(None) }).await;
        assert_eq!(stored, seen(StatusCode::OK, &everywhere), "{encoding:?}");
    }
}

/// Also in the same request, when it is committed; and the subject is that of the stored data.
#[tokio::test]
async fn k3_1_a_handler_reads_its_commit_as_other_nodes_do() {
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Skipping {
        #[serde(skip)]
        user: Option<String>,
        visits: u32,
    }
    impl SessionData for Skipping {
        fn subject(&self) -> Option<&str> {
            self.user.as_deref()
        }
    }
    let cluster = Cluster::new();
    let handler = async |session: Session<Skipping>| -> Result<String, SessionError> {
        session.update(|data| (data.user, data.visits) = (Some("ada".to_owned()), 1));
        assert_eq!(session.get().user.as_deref(), Some("ada"));
        session.commit().await?;
        Ok(format!("{:?}", session.get()))
    };
    let node = cluster.node_for::<Skipping>(Router::new().route("/", post(handler))).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/", "").await.body, "Skipping { user: None, visits: 1 }");
    assert_eq!(stored_record(&cluster, &browser).await.subject, None);
}

/// All saves of a group are decoded once, and none of them is lost.
#[tokio::test(flavor = "multi_thread")]
async fn k3_1_saves_that_wait_together_are_checked_together() {
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Choosy {
        visits: u32,
        #[serde(skip_serializing_if = "Option::is_some")]
        lost: Option<u32>,
        #[serde(skip_serializing_if = "is_seven")]
        unlucky: u32,
    }
    fn is_seven(number: &u32) -> bool {
        *number == 7
    }
    impl SessionData for Choosy {}

    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/visit", post(async |session: Session<Choosy>| session.update(|data| data.visits += 1)))
        .route("/unlucky", post(async |session: Session<Choosy>| session.update(|data| data.unlucky = 7)))
        .route("/", get(async |session: Session<Choosy>| session.get().visits.to_string()));
    let node = cluster.node_for::<Choosy>(routes).await;
    let mut browser = node.browser();
    browser.post("/visit", "").await;
    node.faults.delay(std::time::Duration::from_millis(20));
    let requests = ["/visit", "/visit", "/unlucky", "/visit", "/visit"];
    let responses = futures_util::future::join_all(requests.map(|path| {
        let mut browser = browser.clone();
        async move { (path, browser.post(path, "").await.status) }
    }));
    for (path, status) in responses.await {
        let expected = if path == "/unlucky" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        assert_eq!(status, expected, "{path}");
    }
    assert_eq!(browser.get("/").await.body, "5");
}
