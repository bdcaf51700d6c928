use super::secret::is_without_punctuation;

/// The text between quotes, if there are quotes around it. The settings of the Redis client have the same function, because this crate is
/// also built without that one.
///
/// A shell removes quotes; `docker run --env-file`, Kubernetes manifests and many other programs pass them on. A secret with quotes on one
/// node and without them on another is a different secret, and nothing else would reveal that.
pub(super) fn without_quotes(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
}

/// Whether a text begins or ends with a quote of any kind, escaped or not: the other one may be lost where only a part of a line was
/// copied.
///
/// A secret from a password manager may begin or end with a quote, too, so ASCII quotes count only if there is no punctuation between them.
pub(super) fn has_quote_at_an_end(text: &str) -> bool {
    let has = |is_quote: fn(char) -> bool| {
        text.trim_start_matches('\\').starts_with(is_quote) || text.ends_with(is_quote)
    };
    let within = text.trim_matches(|letter| letter == '\\' || is_ascii_quote(letter));
    has(is_typographic_quote) || (has(is_ascii_quote) && is_without_punctuation(within))
}

fn is_typographic_quote(letter: char) -> bool {
    matches!(letter, '´' | '‘'..='‟' | '«' | '»' | '‹' | '›' | '＂' | '＇')
}

fn is_ascii_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`')
}

const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k11_quotes_on_both_sides_are_noticed() {
        for (text, expected) in [
            (r#""a""#, Some("a")),
            ("'a'", Some("a")),
            ("“a”", Some("a")),
            ("‘a’", Some("a")),
            (r#""""#, Some("")),
            (r#"""#, None),
            (r#""a"#, None),
            (r#"a""#, None),
            ("a", None),
            ("", None),
            (r#""a'"#, None),
            ("\"ä\"", Some("ä")),
        ] {
            assert_eq!(without_quotes(text), expected, "{text}");
        }
    }

    #[test]
    fn k11_quotes_on_one_side_are_noticed() {
        for text in
            ["\"a", "a\"", "'a", "a'", r#"\"a\""#, r#"\"a"#, "«a»", "»a«", "„a“", "”a”", "‹a›", "`a`", "’a"]
        {
            assert!(has_quote_at_an_end(text), "{text}");
        }
        for text in ["", "a", "\"a!", "a%'", "a\"a", "a'a", r"\a\", "a’a"] {
            assert!(!has_quote_at_an_end(text), "{text}");
        }
    }
}
