use handstamp_testkit::until;

use crate::chromium::Chromium;
use crate::gate::Gate;
use crate::hold::{Holds, Place};
use crate::nodes::Nodes;
use crate::tab::{Call, Tab};

#[tokio::test]
async fn k1_a_login_that_is_sent_twice_logs_in() {
    let nodes = Nodes::start().await;
    let gate = Gate::in_front_of(nodes.addresses(), Holds::default()).await;
    let browser = Chromium::start(&gate).await;
    let (tab, page) = (browser.tab("/plain").await, browser.tab("/").await);
    double_click(&gate, &page).await;
    // The page polls `/me`.
    page.close().await;
    for before in ["ada", "bob"] {
        for at_once in [true, false] {
            tab.log_in(before, 0).await;
            two_requests(&nodes, &gate, &tab, at_once).await;
        }
    }
    browser.quit().await;
}

/// A double click on the first visit, over a slow network.
async fn double_click(gate: &Gate, page: &Tab) {
    page.write("#login input", "ada").await;
    let held = gate.hold(Place::Request, "/login");
    page.double_click("#login button").await;
    held.until_held(2).await;
    drop(held);
    until("the page has both responses", async || page.responses("/login").await == 2).await;
    check(gate, page).await;
}

/// Two logins that have loaded the same session, on different nodes, before either is committed.
async fn two_requests(nodes: &Nodes, gate: &Gate, tab: &Tab, at_once: bool) {
    nodes.count_loads();
    let held = gate.hold(Place::Body, "/login");
    let logins = [tab.send(&Call::login("ada", 1)).await, tab.send(&Call::login("ada", 2)).await];
    held.until_held(2).await;
    nodes.until_loaded(2).await;
    if !at_once {
        let received = tab.responses("/login").await;
        held.let_one_pass();
        until("one response has arrived", async || tab.responses("/login").await > received).await;
    }
    drop(held);
    for login in logins {
        assert_eq!(tab.response(login).await.status, 200);
    }
    check(gate, tab).await;
}

async fn check(gate: &Gate, tab: &Tab) {
    for node in gate.nodes() {
        assert_eq!(tab.user(node).await.as_deref(), Some("ada"));
    }
}
