//! The cookie, and what caches are told.

use axum::Router;
use axum::routing::get;
use handstamp::{SameSite, Session, SessionLayer};
use handstamp_testkit::random_secret;
use http::header::{CACHE_CONTROL, VARY};
use http::{Request, StatusCode};

use crate::support::{Cluster, User, app, config};

#[tokio::test]
async fn by_default_the_cookie_is_as_closed_as_it_can_be() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    let answer = browser.post("/visit", "").await;
    let value = browser.session();
    assert_eq!(value.len(), 88);
    assert_eq!(
        answer.set_cookie().unwrap(),
        format!("__Host-id={value}; HttpOnly; SameSite=Lax; Secure; Path=/"),
    );
}

#[tokio::test]
async fn the_removal_has_the_same_attributes() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    let answer = browser.post("/logout", "").await;
    let removal = answer.set_cookie().unwrap();
    assert!(
        removal.starts_with("__Host-id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"),
        "{removal}"
    );
    assert!(!removal.to_lowercase().contains("domain"));
}

#[tokio::test]
async fn plain_http_has_to_be_asked_for() {
    let cluster = Cluster::new();
    let node = cluster.node_with(config().session_insecure_plain_http(true)).await;
    let mut browser = node.browser();
    let answer = browser.post("/visit", "").await;
    let value = browser.cookie("id").unwrap().to_owned();
    assert_eq!(answer.set_cookie().unwrap(), format!("id={value}; HttpOnly; SameSite=Lax; Path=/"));
}

#[tokio::test]
async fn name_and_same_site_can_be_chosen() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let layer =
        SessionLayer::<User>::new(&node.runtime).same_site(SameSite::Strict).cookie_name("shop").unwrap();
    let mut browser = crate::support::Node { app: app(&node.runtime).layer(layer), ..node }.browser();
    let answer = browser.post("/visit", "").await;
    let value = browser.cookie("__Host-shop").unwrap();
    assert_eq!(
        answer.set_cookie().unwrap(),
        format!("__Host-shop={value}; HttpOnly; SameSite=Strict; Secure; Path=/"),
    );
}

#[tokio::test]
async fn impossible_names_are_refused() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for name in ["", "__Host-id", "__Secure-id", "a b", "a;b", "a=b", "a\r\nb", "ä", &"x".repeat(65)] {
        let layer = SessionLayer::<User>::new(&node.runtime).cookie_name(name);
        assert!(layer.is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn the_cookie_is_sent_only_when_it_changes() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    for path in ["/me", "/plain"] {
        assert_eq!(browser.get(path).await.set_cookie(), None);
    }
    assert_eq!(browser.post("/visit", "").await.set_cookie(), None);
}

#[tokio::test]
async fn the_cookie_is_as_long_for_everybody() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for name in ["a", &"x".repeat(200)] {
        let mut browser = node.browser();
        browser.login(name).await;
        assert_eq!(browser.session().len(), 88);
    }
}

#[tokio::test]
async fn only_a_valid_cookie_of_the_right_name_counts_and_the_store_never_hears_of_others() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let good = browser.session();
    let calls = node.faults.calls();
    let forged = format!("{}A", &good[..87]);
    let with_bad_tag = if forged == good { format!("{}B", &good[..87]) } else { forged };
    let long = "x".repeat(64 * 1024);
    for cookie in [
        format!("__Host-id={with_bad_tag}"),
        format!("id={good}"),
        format!("__host-id={good}"),
        format!("__Host-id={good}x"),
        format!("__Host-id={}", &good[..43]),
        format!("__Host-id={long}"),
        "__Host-id=".to_owned(),
        "__Host-id=../../etc/passwd".to_owned(),
        ";;;=;".to_owned(),
    ] {
        let request = Request::get("/me").header("cookie", &cookie).body(Default::default()).unwrap();
        assert_eq!(node.browser().send(request).await.status, StatusCode::UNAUTHORIZED, "{cookie:.100}");
    }
    for header in ["x-session-id", "authorization"] {
        let request = Request::get(format!("/me?__Host-id={good}")).header(header, &good);
        let answer = node.browser().send(request.body(Default::default()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header}");
    }
    assert_eq!(node.faults.calls(), calls);
}

#[tokio::test]
async fn a_planted_second_cookie_achieves_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let mut mallory = node.browser();
    mallory.login("mallory").await;
    let (good, other) = (browser.session(), mallory.session());
    let me = async |cookies: &[String]| {
        let mut request = Request::get("/me");
        for cookie in cookies {
            request = request.header("cookie", cookie);
        }
        node.browser().send(request.body(Default::default()).unwrap()).await.status
    };
    let (good, bad, other) =
        (format!("__Host-id={good}"), "__Host-id=forged".to_owned(), format!("__Host-id={other}"));
    assert_eq!(me(&[format!("{good}; {bad}")]).await, StatusCode::OK);
    assert_eq!(me(&[format!("{bad}; {good}")]).await, StatusCode::OK);
    assert_eq!(me(&[bad, good.clone()]).await, StatusCode::OK);
    assert_eq!(me(&[format!("{good}; {other}")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(me(&[other, good]).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn caches_are_told_what_depends_on_the_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    assert_eq!(browser.get("/plain").await.header("vary"), None);
    assert_eq!(browser.get("/me").await.header("vary"), Some("cookie"));
    let login = browser.post("/login", "ada").await;
    assert_eq!(login.header("vary"), Some("cookie"));
    assert_eq!(login.header("cache-control"), Some("no-store"));
    assert_eq!(browser.get("/me").await.header("cache-control"), None, "that is for the application to say");
    assert_eq!(browser.get("/plain").await.header("vary"), None);
}

#[tokio::test]
async fn what_the_handler_says_to_caches_gives_way_or_stays() {
    async fn cacheable(session: Session<User>) -> ([(http::HeaderName, &'static str); 2], &'static str) {
        session.update(|user| user.visits += 1);
        ([(CACHE_CONTROL, "public, max-age=600"), (VARY, "accept-encoding, Cookie")], "")
    }
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let router = Router::new().route("/", get(cacheable)).layer(SessionLayer::<User>::new(&node.runtime));
    let mut browser = crate::support::Node { app: router, ..node }.browser();
    let answer = browser.get("/").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1, "it names the cookie already");
}

#[tokio::test]
async fn keys_are_rotated_without_logging_anybody_out() {
    let cluster = Cluster::new();
    let [old, new] = [random_secret(), random_secret()];
    let [old, old_new, new_old, new] = [old.clone(), format!("{old},{new}"), format!("{new},{old}"), new]
        .map(|secrets| config().session_secret(secrets));
    let (before, verify_first) = (cluster.node_with(old).await, cluster.node_with(old_new).await);
    let (after, at_last) = (cluster.node_with(new_old).await, cluster.node_with(new).await);

    let mut browser = before.browser();
    browser.login("ada").await;
    let under_old = browser.session();
    browser = browser.on(&verify_first);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(browser.session(), under_old, "nothing to re-issue yet");

    browser = browser.on(&after);
    let answer = browser.get("/me").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "ada 0"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let under_new = browser.session();
    assert_ne!(under_new, under_old, "the cookie is re-issued under the new key");
    assert_eq!(browser.on(&verify_first).me().await.unwrap(), "ada 0", "a node that is behind reads it too");
    assert_eq!(browser.on(&at_last).me().await.unwrap(), "ada 0");

    let mut stale = at_last.browser();
    stale.set_cookie("__Host-id", &under_old);
    assert_eq!(stale.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(cluster.store.len(), 1, "it is the same session all along");
}

#[tokio::test]
async fn an_ended_session_is_not_re_issued() {
    let cluster = Cluster::new();
    let secret = random_secret();
    let old = cluster.node_with(config().session_secret(secret.clone())).await;
    let new = cluster.node_with(config().session_secret(format!("{},{secret}", random_secret()))).await;
    let mut browser = old.browser();
    browser.login("ada").await;
    let mut stale = browser.on(&new);
    browser.post("/logout", "").await;
    let answer = stale.get("/me").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.set_cookie(), None);
}
