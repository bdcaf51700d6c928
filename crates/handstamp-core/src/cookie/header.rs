use super::{CookieError, CookieSigner, Opened};

/// What the request says about its session, as far as the cookie goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presented {
    /// Two or more different valid values: whose session is it? Nobody's. But a logout ends them all.
    Ambiguous(Vec<Opened>),
    /// No cookie of our name.
    Nothing,
    /// Cookies of our name, none of them valid; the reason of the first.
    Refused(CookieError),
    /// One valid value, perhaps among invalid ones.
    Valid(Opened),
}

impl CookieSigner {
    /// Looks through the `Cookie` headers of a request.
    ///
    /// [RFC 6265bis](https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/) says that servers must
    /// not rely on the order of cookies, so all of our name are looked at. An attacker on a sibling domain who
    /// plants another cookie beside the right one achieves nothing. More than eight are not worth the work.
    #[must_use]
    pub fn find<'h>(&self, headers: impl IntoIterator<Item = &'h [u8]>) -> Presented {
        let name = self.name().as_bytes();
        let mut found = Presented::Nothing;
        let values = headers.into_iter().flat_map(|header| values_of(header, name));
        for value in values.take(MAX_CANDIDATES) {
            found = match (found, self.open(value)) {
                (Presented::Nothing | Presented::Refused(_), Ok(opened)) => Presented::Valid(opened),
                (Presented::Nothing, Err(reason)) => Presented::Refused(reason),
                (Presented::Valid(one), Ok(other)) if one.id != other.id => {
                    Presented::Ambiguous(vec![one, other])
                }
                (Presented::Ambiguous(mut all), Ok(other)) => {
                    if all.iter().all(|one| one.id != other.id) {
                        all.push(other);
                    }
                    Presented::Ambiguous(all)
                }
                (found, _) => found,
            };
        }
        found
    }
}

const MAX_CANDIDATES: usize = 8;

/// The values of all cookies called exactly `name`.
fn values_of<'h>(header: &'h [u8], name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    let ends = memchr::memchr_iter(b';', header).chain([header.len()]);
    let pairs = ends.scan(0, |start, end| Some(&header[std::mem::replace(start, end + 1)..end]));
    pairs.filter_map(move |pair| {
        let value = pair.trim_ascii_start().strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value.trim_ascii_end())
    })
}

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
        signer().seal(&SessionId::from_bytes([seed; 32]))
    }

    #[track_caller]
    fn assert_finds(seed: u8, headers: &[&str]) {
        match find(headers) {
            Presented::Valid(opened) => assert_eq!(opened.id, SessionId::from_bytes([seed; 32])),
            other => panic!("{other:?} in {headers:?}"),
        }
    }

    #[test]
    fn the_cookie_is_found_wherever_it_stands() {
        let good = value(1);
        assert_finds(1, &[&format!("__Host-id={good}")]);
        assert_finds(1, &[&format!("a=b; __Host-id={good}; c=d")]);
        assert_finds(1, &[&format!("a=b;__Host-id={good};")]);
        assert_finds(1, &["a=b", "", &format!("  __Host-id={good}  ")]);
    }

    #[test]
    fn other_names_are_not_ours() {
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
    fn two_valid_sessions_are_none() {
        let (one, other) = (value(1), value(2));
        let both = format!("__Host-id={one}; __Host-id={other}; __Host-id={one}");
        match find(&[&both]) {
            Presented::Ambiguous(all) => assert_eq!(all.len(), 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_keep_the_first_reason_and_the_work_is_bounded() {
        assert_eq!(find(&["__Host-id=; __Host-id=x"]), Presented::Refused(CookieError::Malformed));
        let flood = "__Host-id=x; ".repeat(MAX_CANDIDATES);
        let behind = format!("{flood}__Host-id={}", value(1));
        assert_eq!(find(&[&behind]), Presented::Refused(CookieError::Malformed));
    }
}
