use std::str::FromStr;

use http::Uri;
use tower_http::csrf::CsrfLayer;

/// The origin of the pages of a site, as browsers write it in the header `Origin`: `https://shop.example`, with a port only if it is not the
/// default one.
///
/// ```
/// use handstamp::Origin;
///
/// assert_eq!("https://Shop.example".parse::<Origin>().unwrap().as_str(), "https://shop.example");
/// assert!("shop.example".parse::<Origin>().is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin(String);

/// The text is not the origin of a web page. The message does not repeat it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an origin must be https://host or https://host:port, without a path, in ASCII (xn--...), and without the default ports 443 of https and 80 of \
     http, which browsers leave out"
)]
#[non_exhaustive]
pub struct InvalidOrigin;

/// The layer that accepts requests from these origins and from the site itself.
#[cfg(feature = "axum")]
pub(crate) fn csrf_layer(origins: &[Origin]) -> CsrfLayer {
    origins.iter().fold(CsrfLayer::new(), |layer, Origin(origin)| {
        // This cannot fail, because it succeeded when the origin was parsed.
        layer.clone().add_trusted_origin(origin).unwrap_or(layer)
    })
}

impl Origin {
    /// The origin as browsers write it, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        drop(CsrfLayer::new().add_trusted_origin(text).map_err(|_| InvalidOrigin)?);
        let uri: Uri = text.parse().map_err(|_| InvalidOrigin)?;
        let authority = uri.authority().ok_or(InvalidOrigin)?;
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let leading_zero =
            authority.port().is_some_and(|port| port.as_str().len() > 1 && port.as_str().starts_with('0'));
        // Browsers never send these forms, and the header is compared byte by byte.
        if authority.as_str().contains('@')
            || authority.port_u16() == Some(default_port)
            || leading_zero
            || text.ends_with(':')
        {
            return Err(InvalidOrigin);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k10_origins_are_parsed_as_browsers_write_them() {
        for (text, expected) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:8443", "https://shop.example:8443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://shop.example:443", "http://shop.example:443"),
        ] {
            assert_eq!(text.parse(), Ok(Origin(expected.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn k10_forms_that_browsers_never_send_are_rejected() {
        for text in [
            "",
            "null",
            "*",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/logout",
            "https://shop.example?a=b",
            "https://shop.example#a",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:",
            "https://shop.example:08443",
            "http://[::1]:03000",
            "https://ada@shop.example",
            "https://läden.example",
            "https://*.shop.example, https://b",
            "ftp://shop.example",
            " https://shop.example",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text:?}");
        }
    }
}
