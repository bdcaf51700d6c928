use std::fmt;

use cookie::Cookie;
use handstamp_core::cookie::{CookieSigner, Presented};
use handstamp_core::id::SessionId;
use handstamp_core::keys::KeyRing;
use http::{HeaderMap, HeaderValue, header};

/// The session cookie of a layer: what it is called, what it carries, how it is set and removed.
#[derive(Clone)]
pub(crate) struct SessionCookie {
    signer: CookieSigner,
    pub(super) same_site: SameSite,
    plain_http: bool,
}

/// Whether browsers send the cookie along with requests that another site leads to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SameSite {
    /// When the visitor follows a link, but not with posts or embedded content.
    #[default]
    Lax,
    /// Never. A visitor who follows a link from elsewhere arrives without a session.
    Strict,
}

/// The text cannot be the name of a session cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a session cookie's name is 1 to 64 letters, digits, `_` or `-`; the prefix `__Host-` comes by itself"
)]
pub struct InvalidCookieName;

impl SessionCookie {
    pub(super) fn new(keys: &KeyRing, plain_http: bool) -> Self {
        let signer = CookieSigner::new(keys, &full_name("id", plain_http));
        Self { signer, same_site: SameSite::default(), plain_http }
    }

    pub(super) fn rename(&mut self, keys: &KeyRing, name: &str) -> Result<(), InvalidCookieName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) || name.starts_with("__") {
            return Err(InvalidCookieName);
        }
        self.signer = CookieSigner::new(keys, &full_name(name, self.plain_http));
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        self.signer.name()
    }

    /// What the request says about its session.
    pub(super) fn find(&self, headers: &HeaderMap) -> Presented {
        self.signer.find(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes))
    }

    /// The header that gives the browser the id.
    pub(crate) fn set(&self, id: &SessionId) -> HeaderValue {
        header(&self.cookie(self.signer.seal(id)))
    }

    /// The header that makes the browser forget the cookie. All attributes are those of
    /// [`set`](Self::set), or browsers would not take it for the same cookie.
    pub(crate) fn removal(&self) -> HeaderValue {
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        header(&cookie)
    }

    fn cookie(&self, value: String) -> Cookie<'_> {
        let same_site = match self.same_site {
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::Strict => cookie::SameSite::Strict,
        };
        Cookie::build((self.signer.name(), value))
            .path("/")
            .secure(!self.plain_http)
            .http_only(true)
            .same_site(same_site)
            .build()
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("name", &self.signer.name())
            .field("same_site", &self.same_site)
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

/// With the prefix `__Host-`, browsers take the cookie over https from this very host only, so that no other
/// host of the domain can plant one. They do not take it over plain http at all.
fn full_name(name: &str, plain_http: bool) -> String {
    if plain_http { name.to_owned() } else { format!("__Host-{name}") }
}
