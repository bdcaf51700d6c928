use std::ops::Range;

use super::{CookieError, CookieSigner, VerifiedCookie};

/// The session cookie that a request presents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presented {
    /// Two or more different valid values. The store decides which of their sessions exists; a logout ends all of them.
    Ambiguous(Vec<VerifiedCookie>),
    /// There are more cookies than are examined, and none of those examined is valid. Whether the request has a session is
    /// unknown.
    Truncated,
    /// No cookie of this name.
    Nothing,
    /// Cookies of this name, none of them valid, and the reason of the first.
    Invalid(CookieError),
    /// One valid value, perhaps among invalid ones.
    Valid(VerifiedCookie),
}

impl CookieSigner {
    /// Finds and verifies the session cookie in the `Cookie` headers of a request.
    ///
    /// According to [RFC 6265bis](https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/), servers must not rely on
    /// the order of cookies, so all cookies of this name are examined. An attacker on a sibling domain achieves nothing by
    /// planting another one.
    ///
    /// The work is bounded: only the first 180 cookies of all names are examined, which is as many as browsers keep for a site,
    /// and only the first 16 KiB of the headers. The rest is only searched for a cookie of this name and the right length, so
    /// that a request that may have a session is not taken for one without.
    #[must_use]
    pub fn find<'h>(&self, headers: impl IntoIterator<Item = &'h [u8]>) -> Presented {
        let name = self.name().as_bytes();
        let (mut found, mut is_cut_off) = (Presented::Nothing, false);
        let (mut pairs_left, mut bytes_left) = (MAX_PAIRS, MAX_BYTES);
        for header in headers {
            for pair in pairs_of(header) {
                if pairs_left == 0 || pair.end > bytes_left {
                    is_cut_off |= may_be_in(&header[pair.start..], name);
                    break;
                }
                pairs_left -= 1;
                if let Some(value) = value_of(&header[pair], name) {
                    found = found.and(self.verify(value));
                }
            }
            bytes_left = bytes_left.saturating_sub(header.len());
        }
        match found {
            Presented::Nothing | Presented::Invalid(_) if is_cut_off => Presented::Truncated,
            found => found,
        }
    }
}

impl Presented {
    /// Adds another value.
    fn and(self, cookie: Result<VerifiedCookie, CookieError>) -> Self {
        match (self, cookie) {
            (Self::Nothing | Self::Invalid(_), Ok(cookie)) => Self::Valid(cookie),
            (Self::Nothing, Err(reason)) => Self::Invalid(reason),
            (Self::Valid(one), Ok(other)) if one.id != other.id => Self::Ambiguous(vec![one, other]),
            (Self::Ambiguous(mut all), Ok(other)) => {
                if all.iter().all(|one| one.id != other.id) {
                    all.push(other);
                }
                Self::Ambiguous(all)
            }
            (found, _) => found,
        }
    }
}

/// The positions of the pairs in a header.
fn pairs_of(header: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let ends = memchr::memchr_iter(b';', header).chain([header.len()]);
    ends.scan(0, |start, end| Some(std::mem::replace(start, end + 1)..end))
}

/// Whether there is a cookie of this name that may be valid by its length.
fn may_be_in(cookies: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(cookies, name).any(|start| {
        let before = cookies[..start].trim_ascii_end();
        let pair = cookies[start..].split(|&byte| byte == b';').next().unwrap_or_default();
        (before.is_empty() || before.ends_with(b";"))
            && value_of(pair, name).is_some_and(|value| value.len() == CookieSigner::VALUE_LEN)
    })
}

/// The value of a cookie that is called exactly `name`.
fn value_of<'h>(pair: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let value = pair.trim_ascii_start().strip_prefix(name)?.strip_prefix(b"=")?;
    Some(value.trim_ascii_end())
}

const MAX_PAIRS: usize = 180;
const MAX_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Namespace, SessionId};
    use crate::keys::{KeyRing, Secret};

    fn signer() -> CookieSigner {
        let secret = Secret::unchecked("a secret");
        CookieSigner::new(&KeyRing::new(Namespace::default(), &[secret]).unwrap(), "__Host-id")
    }

    fn find(headers: &[&str]) -> Presented {
        signer().find(headers.iter().map(|header| header.as_bytes()))
    }

    fn value(seed: u8) -> String {
        signer().sign(&SessionId::from_bytes([seed; 32]))
    }

    #[track_caller]
    fn assert_finds(seed: u8, headers: &[&str]) {
        match find(headers) {
            Presented::Valid(cookie) => assert_eq!(cookie.id, SessionId::from_bytes([seed; 32])),
            other => panic!("{other:?} in {headers:?}"),
        }
    }

    #[test]
    fn the_cookie_is_found_at_any_position() {
        let good = value(1);
        assert_finds(1, &[&format!("__Host-id={good}")]);
        assert_finds(1, &[&format!("a=b; __Host-id={good}; c=d")]);
        assert_finds(1, &[&format!("a=b;__Host-id={good};")]);
        assert_finds(1, &["a=b", "", &format!("  __Host-id={good}  ")]);
    }

    #[test]
    fn cookies_of_other_names_are_ignored() {
        let good = value(1);
        for name in
            ["id", "__host-id", "__Host-id2", "x__Host-id", " __Secure-id", "__Host-id ", "\"__Host-id\""]
        {
            assert_eq!(find(&[&format!("{name}={good}")]), Presented::Nothing, "{name:?}");
        }
        assert_eq!(find(&["", ";;;", "=", "__Host-id"]), Presented::Nothing);
    }

    #[test]
    fn the_order_of_duplicates_does_not_matter() {
        let (good, bad) = (value(1), "forged");
        assert_finds(1, &[&format!("__Host-id={good}; __Host-id={bad}")]);
        assert_finds(1, &[&format!("__Host-id={bad}; __Host-id={good}")]);
        assert_finds(1, &[&format!("__Host-id={bad}"), &format!("__Host-id={good}")]);
        assert_finds(1, &[&format!("__Host-id={good}; __Host-id={good}")]);
    }

    #[test]
    fn two_valid_sessions_are_ambiguous() {
        let (one, other) = (value(1), value(2));
        let both = format!("__Host-id={one}; __Host-id={other}; __Host-id={one}");
        match find(&[&both]) {
            Presented::Ambiguous(all) => assert_eq!(all.len(), 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_reason_of_the_first_invalid_cookie_is_returned() {
        assert_eq!(find(&["__Host-id=; __Host-id=x"]), Presented::Invalid(CookieError::Malformed));
    }

    /// F14: with more than eight cookies of the name, their order mattered.
    #[test]
    fn k10_f14_a_valid_cookie_is_found_after_many_invalid_ones() {
        let good = format!("__Host-id={}", value(1));
        for name in ["__Host-id", "other"] {
            let flood = format!("{name}=x; ").repeat(MAX_PAIRS - 1);
            assert_finds(1, &[&format!("{flood}{good}")]);
            assert_finds(1, &[&flood[..flood.len() - 2], &good]);
            assert_finds(1, &[&good, &flood, &flood]);
        }
    }

    /// F12, S97: only the server's limit for headers bounded the work.
    #[test]
    fn k10_f12_pairs_of_all_names_are_counted() {
        let good = format!("__Host-id={}", value(1));
        for pair in ["a=b;", ";", "__Host-id=x;"] {
            let flood = pair.repeat(MAX_PAIRS);
            assert_eq!(find(&[&format!("{flood}{good}")]), Presented::Truncated, "{pair}");
            assert_eq!(find(&[&flood, &good]), Presented::Truncated, "{pair}");
            assert_ne!(find(&[&flood, "x__Host-id=x; __Host-id2=x"]), Presented::Truncated, "{pair}");
        }
    }

    #[test]
    fn k10_f12_bytes_are_counted_over_all_headers() {
        let good = format!("__Host-id={}", value(1));
        let filler = |length: usize| format!("a={}", "b".repeat(length - 2));
        assert_finds(1, &[&format!("{};{good}", filler(MAX_BYTES - 1 - good.len()))]);
        assert_finds(1, &[&filler(MAX_BYTES - good.len()), &good]);
        assert_finds(1, &[&format!("{good};{}", filler(400_000))]);
        // A pair that crosses the limit is not examined.
        assert_eq!(find(&[&format!("{};{good}", filler(MAX_BYTES - good.len()))]), Presented::Truncated);
        assert_eq!(find(&[&filler(MAX_BYTES - good.len() + 1), &good]), Presented::Truncated);
        assert_eq!(find(&[&filler(MAX_BYTES), &good]), Presented::Truncated);
        assert_eq!(find(&[&filler(400_000), &good]), Presented::Truncated);
        assert_eq!(find(&[&filler(400_000), "other=x"]), Presented::Nothing);
        assert_eq!(find(&[&format!("__Host-id={}", "x".repeat(400_000))]), Presented::Nothing);
    }

    #[test]
    fn k10_f14_all_sessions_within_the_limit_are_returned() {
        let many: Vec<_> = (0..=20).map(|seed| format!("__Host-id={}", value(seed))).collect();
        match find(&[&many.join("; ")]) {
            Presented::Ambiguous(all) => assert_eq!(all.len(), many.len()),
            other => panic!("{other:?}"),
        }
    }
}
