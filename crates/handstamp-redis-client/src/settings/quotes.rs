/// The text between quotes, if it is in quotes.
///
/// A shell removes quotes; `docker run --env-file`, Kubernetes manifests and many others pass them on.
pub(super) fn without_quotes(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
}

const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k11_quotes_on_both_sides_are_detected() {
        for (text, expected) in [
            (r#""a""#, Some("a")),
            ("'a'", Some("a")),
            ("“a”", Some("a")),
            ("‘a’", Some("a")),
            (r#""""#, Some("")),
            (r#"""#, None),
            (r#""a"#, None),
            ("a", None),
            ("", None),
            (r#""a'"#, None),
            (r#"a""#, None),
            ("\"ä\"", Some("ä")),
        ] {
            assert_eq!(without_quotes(text), expected, "{text}");
        }
    }
}
