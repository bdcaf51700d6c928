use handstamp_testkit::until;

use crate::chromium::Chromium;
use crate::gate::Gate;
use crate::hold::{Holds, Place};
use crate::nodes::Nodes;
use crate::tab::{Call, Tab};

/// A second login gives the session a new id. Before the browser has received it, another tab logs out under the old id.
#[tokio::test]
async fn k2_a_logout_concurrent_with_a_renewal_logs_out() {
    let nodes = Nodes::start().await;
    let gate = Gate::in_front_of(nodes.addresses(), Holds::default()).await;
    let browser = Chromium::start(&gate).await;
    let tabs = [browser.tab("/plain").await, browser.tab("/plain").await];
    for logout_is_last in [true, false] {
        log_in_and_out(&gate, &tabs, logout_is_last).await;
        for node in gate.nodes() {
            until("the visitor is logged out", async || tabs[0].user(node).await.is_none()).await;
        }
        gate.until_no_cookie_logs_in().await;
        assert_eq!(nodes.records(), [""; 0]);
    }
    browser.quit().await;
}

async fn log_in_and_out(gate: &Gate, [tab, other]: &[Tab; 2], logout_is_last: bool) {
    tab.log_in("ada", 0).await;
    let renewals = gate.hold(Place::Response, "/login");
    let logouts = gate.hold(Place::Response, "/logout");
    let renewal = tab.send(&Call::login("ada", 1)).await;
    renewals.until_held(1).await;
    let logout = other.send(&Call::post("/logout", 2)).await;
    logouts.until_held(1).await;
    let renewed = async {
        drop(renewals);
        assert_eq!(tab.response(renewal).await.status, 200);
    };
    let logged_out = async {
        drop(logouts);
        assert_eq!(other.response(logout).await.status, 204);
    };
    if logout_is_last {
        renewed.await;
        logged_out.await;
    } else {
        logged_out.await;
        renewed.await;
    }
}
