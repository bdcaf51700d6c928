//! The cookie.

use std::time::Duration;

use handstamp::{Config, SameSite, SessionLayer};
use handstamp_testkit::{Log, random_secret};
use http::{Request, StatusCode};

use crate::support::{ClientResponse, Cluster, Node, User, app, config};

#[tokio::test]
async fn by_default_the_cookie_has_the_strictest_attributes() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    let response = browser.post("/visit", "").await;
    let value = browser.session();
    assert_eq!(value.len(), 88);
    assert_eq!(
        response.set_cookie().unwrap(),
        format!("__Host-id={value}; HttpOnly; SameSite=Lax; Secure; Path=/"),
    );
}

#[tokio::test]
async fn the_removal_has_the_same_attributes() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    let response = browser.post("/logout", "").await;
    let removal = response.set_cookie().unwrap();
    assert!(
        removal.starts_with("__Host-id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"),
        "{removal}"
    );
    assert!(!removal.to_lowercase().contains("domain"));
}

#[tokio::test]
async fn plain_http_has_to_be_enabled() {
    let cluster = Cluster::new();
    let node = cluster.node_with(config().session_insecure_plain_http(true)).await;
    let mut browser = node.browser();
    let response = browser.post("/visit", "").await;
    let value = browser.cookie("handstamp-id").unwrap().to_owned();
    assert_eq!(
        response.set_cookie().unwrap(),
        format!("handstamp-id={value}; HttpOnly; SameSite=Lax; Path=/")
    );
}

/// K10: two applications on localhost logged each other out, because all ports of a host share one cookie jar.
#[tokio::test]
async fn k10_over_plain_http_the_name_comes_from_the_namespace() {
    let plain = || config().session_insecure_plain_http(true);
    let shop = Cluster::new().node_with(plain().session_namespace("shop:dev")).await;
    let blog = Cluster::new().node_with(plain().session_namespace("blog")).await;
    let mut browser = shop.browser();
    browser.login("ada").await;
    browser = browser.on(&blog);
    browser.login("bob").await;
    assert_eq!(browser.me().await.unwrap(), "bob 0");
    assert_eq!(browser.on(&shop).me().await.unwrap(), "ada 0");
    assert!(browser.cookie("shop~dev-id").is_some() && browser.cookie("blog-id").is_some());

    let layer = SessionLayer::<User>::new(&blog.sessions).cookie_name("cart").unwrap();
    let mut browser = Node { app: app(&blog.sessions).layer(layer), ..blog }.browser();
    browser.login("ada").await;
    assert!(browser.cookie("blog-cart").is_some());
}

#[tokio::test]
async fn name_and_same_site_can_be_chosen() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let layer =
        SessionLayer::<User>::new(&node.sessions).same_site(SameSite::Strict).cookie_name("shop").unwrap();
    let mut browser = Node { app: app(&node.sessions).layer(layer), ..node }.browser();
    let response = browser.post("/visit", "").await;
    let value = browser.cookie("__Host-shop").unwrap();
    assert_eq!(
        response.set_cookie().unwrap(),
        format!("__Host-shop={value}; HttpOnly; SameSite=Strict; Secure; Path=/"),
    );
}

/// The cookie that a layer sets, without its value.
async fn attributes(node: &Node, layer: SessionLayer<User>) -> String {
    let mut browser = Node { app: app(&node.sessions).layer(layer), ..node.clone() }.browser();
    let response = browser.post("/visit", "").await;
    let (_, attributes) = response.set_cookie().unwrap().split_once("; ").unwrap();
    attributes.to_owned()
}

/// K10: a login that ends with a form post from another site had no session.
#[tokio::test]
async fn k10_other_sites_can_be_allowed_to_send_the_cookie() {
    let node = Cluster::new().node().await;
    let layer = || SessionLayer::<User>::new(&node.sessions);
    let none = "HttpOnly; SameSite=None; Secure; Path=/";
    let partitioned = "HttpOnly; SameSite=None; Partitioned; Secure; Path=/";
    assert_eq!(attributes(&node, layer().same_site(SameSite::None)).await, none);
    assert_eq!(attributes(&node, layer().partitioned()).await, partitioned);
    assert_eq!(attributes(&node, layer().same_site(SameSite::Strict).partitioned()).await, partitioned);
    let lax = "HttpOnly; SameSite=Lax; Secure; Path=/";
    assert_eq!(attributes(&node, layer().partitioned().same_site(SameSite::Lax)).await, lax);

    let partitioned = app(&node.sessions).layer(layer().partitioned());
    let mut browser = Node { app: partitioned, ..node.clone() }.browser();
    browser.login("ada").await;
    let response = browser.post("/logout", "").await;
    let removal = response.set_cookie().unwrap();
    let expected = "__Host-id=; HttpOnly; SameSite=None; Partitioned; Secure; Path=/; Max-Age=0";
    assert!(removal.starts_with(expected), "{removal}");
}

/// A browser would reject the cookie, and each request would create a new session.
#[tokio::test]
async fn k10_over_plain_http_the_cookie_stays_lax() {
    let node = Cluster::new().node_with(config().session_insecure_plain_http(true)).await;
    let (log, _guard) = Log::capture();
    let layer = || SessionLayer::<User>::new(&node.sessions);
    for layer in [layer().same_site(SameSite::None), layer().partitioned()] {
        assert_eq!(attributes(&node, layer).await, "HttpOnly; SameSite=Lax; Path=/");
    }
    assert_eq!(log.text().matches("handstamp-id is sent with SameSite=Lax").count(), 2, "{}", log.text());
}

/// K10, S31: a session could not outlive its browser.
#[tokio::test]
async fn k10_a_cookie_can_last_as_long_as_its_session() {
    let cluster = Cluster::new();
    let secret = random_secret();
    let lasting = |secrets: String, lifetime| config().session_secret(secrets).session_lifetime(lifetime);
    let [hour, week] = [3_600, 7 * 86_400].map(Duration::from_secs);
    let node = async |config: Config| {
        let node = cluster.node_with(config).await;
        let app = app(&node.sessions).layer(SessionLayer::<User>::new(&node.sessions).persistent());
        Node { app, ..node }
    };
    let old = node(lasting(secret.clone(), week)).await;
    let mut browser = old.browser();
    let max_age = |response: &ClientResponse| {
        response.set_cookie().unwrap().rsplit_once("; Max-Age=").unwrap().1.to_owned()
    };
    assert_eq!(max_age(&browser.post("/login", "ada").await), "604800");

    // A renewal does not change the deadline, and neither does a cookie under a new key.
    cluster.clock.advance(Duration::from_secs(600));
    assert_eq!(max_age(&browser.post("/renew", "").await), "604200");
    let new = node(lasting(format!("{},{secret}", random_secret()), week)).await;
    let mut browser = browser.on(&new);
    assert_eq!(max_age(&browser.get("/me").await), "604200");
    let later = node(lasting(random_secret() + "," + &secret, hour)).await;
    assert_eq!(max_age(&later.browser().post("/visit", "").await), "3600");

    // Browsers keep no cookie for longer than 400 days.
    let years = node(lasting(secret, Duration::from_secs(3_000 * 86_400))).await;
    assert_eq!(max_age(&years.browser().post("/visit", "").await), "34560000");
}

#[tokio::test]
async fn invalid_names_are_rejected() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for name in ["", "__Host-id", "__Secure-id", "a b", "a;b", "a=b", "a\r\nb", "ä", &"x".repeat(65)] {
        let layer = SessionLayer::<User>::new(&node.sessions).cookie_name(name);
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
async fn all_cookies_have_the_same_length() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for name in ["a", &"x".repeat(200)] {
        let mut browser = node.browser();
        browser.login(name).await;
        assert_eq!(browser.session().len(), 88);
    }
}

#[tokio::test]
async fn only_a_valid_cookie_of_the_right_name_reaches_the_store() {
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
        let response = node.browser().send(request.body(Default::default()).unwrap()).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{header}");
    }
    assert_eq!(node.faults.calls(), calls);
}

#[tokio::test]
async fn a_planted_second_cookie_has_no_effect() {
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

/// K10, F14: a logout that has not found its session does not report success.
#[tokio::test]
async fn k10_f14_a_session_behind_too_many_cookies_is_neither_anonymous_nor_logged_out() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut ada = node.browser();
    ada.login("ada").await;
    let good = format!("__Host-id={}", ada.session());
    let mut dead = Vec::new();
    for _ in 0..9 {
        let mut browser = node.browser();
        browser.login("bob").await;
        dead.push(format!("__Host-id={}; ", browser.session()));
        browser.post("/logout", "").await;
    }
    let send = async |method: &str, path: &str, cookies: &str| {
        let request = Request::builder().method(method).uri(path).header("cookie", cookies);
        node.browser().send(request.body(Default::default()).unwrap()).await.status
    };
    for flood in ["a=b;".repeat(180), format!("a={};", "b".repeat(16 * 1024))] {
        let cookies = format!("{flood}{good}");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(send("GET", "/me", &cookies).await, status);
        assert_eq!(send("POST", "/logout", &cookies).await, status);
    }
    assert_eq!(ada.me().await.unwrap(), "ada 0");
    let cookies = dead.concat() + &good;
    assert_eq!(send("GET", "/me", &cookies).await, StatusCode::OK, "whatever the number of invalid cookies");
    assert_eq!(send("POST", "/logout", &cookies).await, StatusCode::NO_CONTENT);
    assert_eq!(ada.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// K3.3, K10: several cookies do not bypass the cache.
#[tokio::test]
async fn k3_3_several_valid_cookies_are_read_from_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let (mut ada, mut bob) = (node.browser(), node.browser());
    ada.login("ada").await;
    bob.login("bob").await;
    let dead = bob.clone();
    bob.post("/logout", "").await;
    let cookies = format!("__Host-id={}; __Host-id={}", ada.session(), dead.session());
    let me = async || {
        let request = Request::get("/me").header("cookie", &cookies);
        node.browser().send(request.body(Default::default()).unwrap()).await.status
    };
    assert_eq!(me().await, StatusCode::OK);
    let calls = node.faults.calls();
    assert_eq!(me().await, StatusCode::OK);
    assert_eq!(node.faults.calls(), calls);
}

#[tokio::test]
async fn key_rotations_log_no_visitor_out() {
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
    let response = browser.get("/me").await;
    assert_eq!((response.status, &*response.body), (StatusCode::OK, "ada 0"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let under_new = browser.session();
    assert_ne!(under_new, under_old, "the cookie is re-issued under the new key");
    assert_eq!(
        browser.on(&verify_first).me().await.unwrap(),
        "ada 0",
        "a node with the old settings accepts it too"
    );
    assert_eq!(browser.on(&at_last).me().await.unwrap(), "ada 0");

    let mut stale = at_last.browser();
    stale.set_cookie("__Host-id", &under_old);
    assert_eq!(stale.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(cluster.store.len(), 1, "it is still the same session");
}

#[tokio::test]
async fn the_cookie_of_an_ended_session_is_not_re_issued() {
    let cluster = Cluster::new();
    let secret = random_secret();
    let old = cluster.node_with(config().session_secret(secret.clone())).await;
    let new = cluster.node_with(config().session_secret(format!("{},{secret}", random_secret()))).await;
    let mut browser = old.browser();
    browser.login("ada").await;
    let mut stale = browser.on(&new);
    browser.post("/logout", "").await;
    let response = stale.get("/me").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(response.set_cookie(), None);
}

/// A logout left the cookie of a retired key in the browser.
#[tokio::test]
async fn k10_a_logout_removes_a_rejected_cookie() {
    let cluster = Cluster::new();
    let old = cluster.node_with(config().session_secret(random_secret())).await;
    let new = cluster.node_with(config().session_secret(random_secret())).await;
    let mut browser = old.browser();
    browser.login("ada").await;
    let mut stale = browser.on(&new);
    assert_eq!(stale.get("/me").await.set_cookie(), None);
    let response = stale.post("/logout", "").await;
    assert!(response.set_cookie().is_some_and(|cookie| cookie.contains("Max-Age=0")), "{response:?}");
    assert_eq!(response.header("clear-site-data"), Some("\"cache\""));
    assert_eq!(browser.me().await.unwrap(), "ada 0", "nothing else has ended");
    let response = new.browser().post("/logout", "").await;
    assert_eq!(response.set_cookie(), None, "there was no cookie to remove");
}
