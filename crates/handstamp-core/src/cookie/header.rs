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
    /// plants another cookie beside the right one achieves nothing.
    ///
    /// The work is bounded whatever a client sends: only the first 180 cookies of all names count, which is as many as
    /// browsers keep for a site, and only the first 16 KiB of the headers. The rest is ignored.
    #[must_use]
    pub fn find<'h>(&self, headers: impl IntoIterator<Item = &'h [u8]>) -> Presented {
        let name = self.name().as_bytes();
        let mut found = Presented::Nothing;
        let pairs = within(headers, MAX_BYTES).flat_map(pairs_of).take(MAX_PAIRS);
        for value in pairs.filter_map(|pair| value_of(pair, name)) {
            found = match (found, self.open(value)) {
                (Presented::Nothing | Presented::Refused(_), Ok(opened)) => Presented::Valid(opened),
                (Presented::Nothing, Err(reason)) => Presented::Refused(reason),
                (Presented::Valid(one), Ok(other)) if one.id != other.id => {
                    Presented::Ambiguous(vec![one, other])
                }
                (Presented::Ambiguous(mut all), Ok(other)) => {
                    if all.len() < MAX_DISTINCT && all.iter().all(|one| one.id != other.id) {
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

/// The first headers that are no longer than `budget` together, and of the one that is cut the pairs that are whole.
fn within<'h>(
    headers: impl IntoIterator<Item = &'h [u8]>,
    mut budget: usize,
) -> impl Iterator<Item = &'h [u8]> {
    headers.into_iter().map_while(move |header| {
        if budget == 0 {
            return None;
        }
        let Some(beginning) = header.get(..budget).filter(|beginning| beginning.len() < header.len()) else {
            budget -= header.len();
            return Some(header);
        };
        budget = 0;
        memchr::memrchr(b';', beginning).map(|end| &beginning[..end])
    })
}

fn pairs_of(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b';', header).chain([header.len()]);
    ends.scan(0, |start, end| Some(&header[std::mem::replace(start, end + 1)..end]))
}

/// The value of a cookie that is called exactly `name`.
fn value_of<'h>(pair: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let value = pair.trim_ascii_start().strip_prefix(name)?.strip_prefix(b"=")?;
    Some(value.trim_ascii_end())
}

const MAX_PAIRS: usize = 180;
const MAX_BYTES: usize = 16 * 1024;

/// How many sessions a request can name. The rest are ignored: the request is ambiguous in any case.
const MAX_DISTINCT: usize = 8;

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
    fn refusals_keep_the_first_reason() {
        assert_eq!(find(&["__Host-id=; __Host-id=x"]), Presented::Refused(CookieError::Malformed));
    }

    /// F14: beyond eight cookies of the name, their order counted.
    #[test]
    fn k10_f14_a_good_cookie_counts_behind_many_bad_ones() {
        let good = format!("__Host-id={}", value(1));
        for name in ["__Host-id", "other"] {
            let flood = format!("{name}=x; ").repeat(MAX_PAIRS - 1);
            assert_finds(1, &[&format!("{flood}{good}")]);
            assert_finds(1, &[&flood[..flood.len() - 2], &good]);
            assert_finds(1, &[&good, &flood, &flood]);
        }
    }

    /// F12, S97: the work was bounded by nothing but the server's limit for headers.
    #[test]
    fn k10_f12_pairs_are_counted_whatever_their_names() {
        let good = format!("__Host-id={}", value(1));
        for pair in ["a=b;", ";", "__Host-id=x;"] {
            let flood = pair.repeat(MAX_PAIRS);
            assert!(!matches!(find(&[&format!("{flood}{good}")]), Presented::Valid(_)), "{pair}");
            assert!(!matches!(find(&[&flood, &good]), Presented::Valid(_)), "{pair}");
        }
    }

    #[test]
    fn k10_f12_bytes_are_counted_over_all_headers() {
        let good = format!("__Host-id={}", value(1));
        let filler = |length: usize| format!("a={}", "b".repeat(length - 2));
        assert_finds(1, &[&format!("{};{good}", filler(MAX_BYTES - 1 - good.len()))]);
        assert_finds(1, &[&filler(MAX_BYTES - good.len()), &good]);
        assert_finds(1, &[&format!("{good};{}", filler(400_000))]);
        // The pair that is cut does not count, not even as a bad one.
        assert_eq!(find(&[&format!("{};{good}", filler(MAX_BYTES - good.len()))]), Presented::Nothing);
        assert_eq!(find(&[&filler(MAX_BYTES - good.len() + 1), &good]), Presented::Nothing);
        assert_eq!(find(&[&filler(MAX_BYTES), &good]), Presented::Nothing);
        assert_eq!(find(&[&filler(400_000), &good]), Presented::Nothing);
    }

    #[test]
    fn k10_more_sessions_than_anybody_has_are_ambiguous() {
        let many: Vec<_> = (0..=20).map(|seed| format!("__Host-id={}", value(seed))).collect();
        match find(&[&many.join("; ")]) {
            Presented::Ambiguous(all) => assert_eq!(all.len(), MAX_DISTINCT),
            other => panic!("{other:?}"),
        }
    }
}
