use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// `GET /`: a page to log in, see the serving node, count visits, log out, and watch the other nodes.
#[derive(Clone)]
pub(crate) struct Page(Arc<str>);

impl Page {
    pub(crate) fn new(node: &str, others: &[u16]) -> Self {
        let others: Vec<_> = others.iter().map(ToString::to_string).collect();
        let html = TEMPLATE
            .replace("{{node}}", &escape(node))
            .replace("{{others}}", &others.join(" "))
            .replace("{{script}}", SCRIPT);
        Self(html.into())
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.0.to_string()).into_response()
    }
}

/// The name of a node may contain any visible ASCII characters.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const TEMPLATE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");

/// Allows the script of the page by its hash, requests to its own origin, and the pages of the other nodes as frames.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; \
                      script-src 'sha256-RSvxbSI4FqgbO2giQSD/5fOmdYCCHYo/IoOQDCXRo00='; frame-src http://localhost:* http://127.0.0.1:*; \
                      frame-ancestors http://localhost:* http://127.0.0.1:*; base-uri 'none'; form-action 'self'";

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_script_of_the_page() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the script's hash is {hash}");
    }

    #[test]
    fn the_name_of_the_node_is_escaped() {
        let Page(html) = Page::new("<script>\"&", &[3002, 3003]);
        assert!(html.contains("&lt;script&gt;&quot;&amp;"));
        assert!(html.contains("data-others=\"3002 3003\""));
        assert!(!html.contains("{{"), "all placeholders are replaced");
    }
}
