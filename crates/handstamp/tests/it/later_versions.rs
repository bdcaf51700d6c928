//! Records of a later version, with unknown fields.

use std::time::Duration;

use handstamp_core::record::Section;
use http::StatusCode;

use crate::support::{Cluster, change_stored, logged_in, stored_record};

const HARMLESS: u16 = 900;
const CRITICAL: u16 = 901 | 1 << 15;
const BOUND_TO_SUBJECT: u16 = 902 | 1 << 14;

#[tokio::test(start_paused = true)]
async fn k7_3_fields_of_a_later_version_are_kept_by_saves_renewals_and_replays() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    change_stored(&cluster, &browser, |record| {
        record.unknown_fields.push(Section::Open, HARMLESS, b"device");
        record.unknown_fields.push(Section::Closed, BOUND_TO_SUBJECT, b"level 2");
    })
    .await;
    let fields = stored_record(&cluster, &browser).await.unknown_fields;
    // The cached copy has no such fields, so this is a replay on the stored record.
    for path in ["/visit", "/visit", "/renew"] {
        assert_eq!(browser.post(path, "").await.status, StatusCode::OK);
        assert_eq!(stored_record(&cluster, &browser).await.unknown_fields, fields, "after {path}");
    }
    node.sessions.clear_local_cache();
    assert_eq!(browser.me().await.unwrap(), "ada 2");
}

#[tokio::test(start_paused = true)]
async fn k7_3_fields_that_are_bound_to_the_subject_go_with_it() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    change_stored(&cluster, &browser, |record| {
        record.unknown_fields.push(Section::Open, HARMLESS, b"device");
        record.unknown_fields.push(Section::Closed, BOUND_TO_SUBJECT, b"level 2");
    })
    .await;
    let session = browser.take_session().await;
    session.update(|user| user.name = None);
    session.commit().await.unwrap();
    let mut harmless = handstamp_core::record::UnknownFields::default();
    harmless.push(Section::Open, HARMLESS, b"device");
    assert_eq!(stored_record(&cluster, &browser).await.unknown_fields, harmless);
}

#[tokio::test(start_paused = true)]
async fn k7_3_a_record_with_a_critical_field_is_neither_read_nor_overwritten() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    change_stored(&cluster, &browser, |record| {
        record.unknown_fields.push(Section::Closed, CRITICAL, b"");
    })
    .await;
    node.sessions.clear_local_cache();
    let key = browser.session_key();
    let stored = async || handstamp::store::Records::load(&cluster.store, &key).await.unwrap().unwrap().entry;
    let before = stored().await;
    for path in ["/visit", "/renew", "/slow-visit"] {
        let response = browser.post(path, "").await;
        assert_eq!(
            (response.status, response.set_cookie()),
            (StatusCode::SERVICE_UNAVAILABLE, None),
            "{path}"
        );
    }
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stored().await, before);
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT, "a logout works");
    assert!(cluster.store.is_empty());
}
