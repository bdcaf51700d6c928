use crate::chromium::Chromium;
use crate::gate::Gate;
use crate::hold::{Holds, Place};
use crate::nodes::Nodes;
use crate::tab::{Call, PageResponse, Tab};

#[tokio::test]
async fn k1_a_slow_request_of_another_tab_does_not_undo_a_login() {
    let nodes = Nodes::start().await;
    let gate = Gate::in_front_of(nodes.addresses(), Holds::default()).await;
    let browser = Chromium::start(&gate).await;
    let tabs = [browser.tab("/plain").await, browser.tab("/plain").await];
    // A login of the same user renews the session; one of another user begins a new session.
    for name in ["ada", "bob"] {
        let response = visit_in_flight(&gate, &tabs, name).await;
        check(&gate, &tabs, name, &response).await;
        let response = visit_in_its_handler(&nodes, &tabs, name).await;
        check(&gate, &tabs, name, &response).await;
    }
    browser.quit().await;
}

/// A visit that reaches its node after a login of another tab.
async fn visit_in_flight(gate: &Gate, [tab, slow]: &[Tab; 2], name: &str) -> PageResponse {
    tab.log_in("ada", 0).await;
    let held = gate.hold(Place::Request, "/visits");
    let visit = slow.send(&Call::post("/visits", 1)).await;
    held.until_held(1).await;
    tab.log_in(name, 0).await;
    drop(held);
    slow.response(visit).await
}

/// A visit that waits in its handler during a login of another tab. The wait is doubled until the login is faster.
async fn visit_in_its_handler(nodes: &Nodes, [tab, slow]: &[Tab; 2], name: &str) -> PageResponse {
    let mut hold_ms = 250;
    loop {
        tab.log_in("ada", 0).await;
        nodes.count_loads();
        let visit = slow.send(&Call::post(&format!("/visits?hold_ms={hold_ms}"), 1)).await;
        nodes.until_loaded(1).await;
        tab.log_in(name, 0).await;
        let response = slow.response(visit).await;
        if response.status != 200 {
            return response;
        }
        assert!(hold_ms < 60_000, "a login takes longer than a minute");
        hold_ms *= 2;
    }
}

/// The late visit is rejected, and the login stays in effect.
async fn check(gate: &Gate, tabs: &[Tab; 2], name: &str, response: &PageResponse) {
    assert!([401, 409].contains(&response.status), "{response:?}");
    let passed = gate.last("/visits");
    assert_eq!((passed.status.as_u16(), passed.set_cookie), (response.status, None));
    for tab in tabs {
        for node in gate.nodes() {
            assert_eq!(tab.user(node).await.as_deref(), Some(name));
        }
    }
}
