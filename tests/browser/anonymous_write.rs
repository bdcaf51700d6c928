use crate::chromium::Chromium;
use crate::gate::Gate;
use crate::hold::{Holds, Place};
use crate::tab::{Call, Tab};
use crate::visitors::Visitors;

/// A page writes to an anonymous session. The write is slow, and a login overtakes it.
#[tokio::test]
async fn k1_a_late_write_to_an_anonymous_session_does_not_undo_a_login() {
    let holds = Holds::default();
    let nodes = Visitors::start(&holds).await;
    let gate = Gate::in_front_of(nodes.addresses(), holds).await;
    let browser = Chromium::start(&gate).await;
    let tabs = [browser.tab("/plain").await, browser.tab("/plain").await];
    for place in [Place::Request, Place::Handler] {
        for logs_out_first in [false, true] {
            let status = late_write(&gate, &tabs, place, logs_out_first).await;
            // The session has ended, or it has moved.
            assert_eq!(status, if logs_out_first { 401 } else { 409 }, "{place:?}");
            assert_eq!(gate.last("/flash").set_cookie, None);
            for node in gate.nodes() {
                assert_eq!(tabs[0].user(node).await.as_deref(), Some("ada"));
            }
            assert_eq!(tabs[0].call(&Call::post("/logout", 0)).await.status, 204);
        }
    }
    browser.quit().await;
}

/// The status of a write that a login of another tab overtakes.
async fn late_write(gate: &Gate, [tab, slow]: &[Tab; 2], place: Place, logs_out_first: bool) -> u16 {
    assert_eq!(slow.call(&Call::post("/flash", 0)).await.status, 200);
    assert!(gate.last("/flash").set_cookie.is_some(), "the visitor has a session");
    let held = gate.hold(place, "/flash");
    let flash = slow.send(&Call::post("/flash", 1)).await;
    held.until_held(1).await;
    if logs_out_first {
        assert_eq!(tab.call(&Call::post("/logout", 0)).await.status, 204);
    }
    tab.log_in("ada", 0).await;
    drop(held);
    slow.response(flash).await.status
}
