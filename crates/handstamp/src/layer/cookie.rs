use std::fmt;
use std::time::Duration;

use cookie::Cookie;
use handstamp_core::cookie::{CookieSigner, Presented};
use handstamp_core::id::{Namespace, SessionId};
use handstamp_core::keys::KeyRing;
use http::HeaderValue;

/// The session cookie of a layer: its name, its attributes, its signature.
#[derive(Clone)]
pub(crate) struct SessionCookie {
    signer: CookieSigner,
    same_site: SameSite,
    partitioned: bool,
    persistent: bool,
    plain_http: bool,
}

/// Whether browsers send the cookie with requests that come from another site.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SameSite {
    /// When the visitor follows a link, but not with form posts or in embedded content.
    #[default]
    Lax,
    /// Never. A visitor who follows a link from another site arrives without a session.
    Strict,
    /// Always: for pages that other sites embed, and for logins that end with a post from another site, such as
    /// OpenID Connect with `response_mode=form_post`.
    ///
    /// Every site can then make requests in the visitor's name. Routes that change something need a protection of their own, such as
    /// `tower_http::csrf`. The routes of this crate have it.
    None,
}

/// The text cannot be the name of a session cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a session cookie's name is 1 to 64 letters, digits, `_` or `-`; the prefix `__Host-` is added automatically"
)]
#[non_exhaustive]
pub struct InvalidCookieName;

impl SessionCookie {
    pub(super) fn new(keys: &KeyRing, plain_http: bool) -> Self {
        let signer = CookieSigner::new(keys, &full_name("id", keys.namespace(), plain_http));
        Self { signer, same_site: SameSite::default(), partitioned: false, persistent: false, plain_http }
    }

    /// This ends partitioning, which requires [`SameSite::None`].
    pub(super) fn set_same_site(&mut self, same_site: SameSite) {
        (self.same_site, self.partitioned) = (same_site, false);
        self.warn_if_not_possible();
    }

    pub(super) fn set_partitioned(&mut self) {
        (self.same_site, self.partitioned) = (SameSite::None, true);
        self.warn_if_not_possible();
    }

    pub(super) fn set_persistent(&mut self) {
        self.persistent = true;
    }

    pub(super) fn rename(&mut self, keys: &KeyRing, name: &str) -> Result<(), InvalidCookieName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) || name.starts_with("__") {
            return Err(InvalidCookieName);
        }
        self.signer = CookieSigner::new(keys, &full_name(name, keys.namespace(), self.plain_http));
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        self.signer.name()
    }

    /// The session cookie among the `Cookie` headers of a request.
    pub(crate) fn find<'h>(&self, headers: impl Iterator<Item = &'h HeaderValue>) -> Presented {
        self.signer.find(headers.map(HeaderValue::as_bytes))
    }

    /// The header that sets the cookie, for a session that ends after `left` at the latest.
    pub(crate) fn set(&self, id: &SessionId, left: Duration) -> HeaderValue {
        let mut cookie = self.cookie(self.signer.sign(id));
        if self.persistent {
            // Zero would remove the cookie.
            let max_age = left.min(MAX_AGE).as_secs().max(1);
            cookie.set_max_age(i64::try_from(max_age).ok().map(cookie::time::Duration::seconds));
        }
        header(&cookie)
    }

    /// The header that removes the cookie. Its attributes are those of [`set`](Self::set), or browsers would consider it another cookie.
    pub(crate) fn removal(&self) -> HeaderValue {
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        header(&cookie)
    }

    fn cookie(&self, value: String) -> Cookie<'_> {
        let same_site = match self.same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::None if !self.plain_http => cookie::SameSite::None,
            SameSite::Lax | SameSite::None => cookie::SameSite::Lax,
        };
        Cookie::build((self.signer.name(), value))
            .path("/")
            .secure(!self.plain_http)
            .http_only(true)
            .same_site(same_site)
            .partitioned(self.partitioned && !self.plain_http)
            .build()
    }

    fn warn_if_not_possible(&self) {
        if self.plain_http && self.same_site == SameSite::None {
            tracing::warn!(
                "the cookie {} is sent with SameSite=Lax, because browsers reject SameSite=None and Partitioned over plain http",
                self.name()
            );
        }
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("name", &self.signer.name())
            .field("same_site", &self.same_site)
            .field("partitioned", &self.partitioned)
            .field("persistent", &self.persistent)
            .field("plain_http", &self.plain_http)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "a checked name and base64url are visible ASCII")]
fn header(cookie: &Cookie<'_>) -> HeaderValue {
    let mut header = HeaderValue::try_from(cookie.to_string()).expect("visible ASCII");
    header.set_sensitive(true);
    header
}

/// 400 days: browsers reduce longer ages to this.
const MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// With the prefix `__Host-`, browsers accept the cookie over https and from this host only, so that no other host of the domain can plant
/// one. They do not accept it over plain http at all.
///
/// Over plain http, all applications on localhost share one cookie jar, on all ports: there the name begins with the namespace, or they
/// would log each other's visitors out. The name of a cookie may contain all characters of a namespace but the colon, and a namespace has no
/// tilde.
fn full_name(name: &str, namespace: &Namespace, plain_http: bool) -> String {
    if plain_http {
        format!("{}-{name}", namespace.as_str().replace(':', "~"))
    } else {
        format!("__Host-{name}")
    }
}
