use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// Whether `text` is a published secret: one of an example or a test of this library, or the built-in default of another
/// library.
pub(super) fn is_published(text: &str) -> bool {
    let hash = Sha256::digest(zeroize::Zeroizing::new(text.to_ascii_lowercase()).as_bytes());
    PUBLISHED.contains(&&*BASE64_STANDARD_NO_PAD.encode(hash))
}

/// SHA-256 of each in lower case, in base64.
const PUBLISHED: [&str; 12] = [
    "kLaiNDCXcqdfqlTI5IwGs6FEvyPWOv+iFiCE8EGpXk4",
    "N2cpPuHr5Tj5WVqOPpzDzcZntMazs1S/Gmuewej3Qmw",
    "CiO8+yL/7X49XGmZUrBP7x6pQunNsBZgK6rNoSSYfes",
    "Z1KmsiKsg4IHcRys5nvvkRJhLXa1EJ/xQCgW50L+oFo",
    "YNKj8PXDfdNuH8deebF/2GCAJTZ/lzc3aD8CiO7Ovfs",
    "Kd3xfB7wOlKGf7xTOysCJGBQ+Jrzhi90A6v4lzEqx+o",
    "29yyqTAbjDxqW0d+fdK9aLmJ/L0Wbel2ANDvwH0p/2A",
    "qqTRd/3eVLjL070VQQOeBYEbMkRM3Y+ZOFMZT09zRwM",
    "5HHUjgf4urmqXdT0vZqcW6PTGy6hCApxmUwzSsqjzsc",
    "59I9s0FrZhIeTCyh/pJiW1cGbfm9i65X6oEbyd34AYM",
    "IKRfG8U2SuLIL90DNCQ7BcqdRchm4otrYTkVWrhZ3hQ",
    "ZxwJ43xC1BtR7d/AP8HpA9Sy8p7nmBOJAXgvK6Val0M",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// F3: the secrets of this repository's own tests were accepted. The list has all of them, and the default of a session
    /// library for Crystal.
    #[test]
    fn k9_f3_published_secrets_are_known() {
        for text in [
            "1sxc1aNxGHTTZKlK5cpCgufJAqGM4G13",
            "a-secret-of-more-than-thirty-two-characters",
            "old-old-secret-of-more-than-32-characters",
            "new-new-secret-of-more-than-32-characters",
            "another-secret-of-more-than-thirty-two-characters",
            "an-end-to-end-secret-of-more-than-32-characters",
            "another-end-to-end-secret-of-more-than-32",
            "a-secret-for-a-test-of-more-than-32-characters",
            "a-secret-for-failovers-of-more-than-32-characters",
            "a-secret-for-torture-of-more-than-32-characters",
            "correct-horse-battery-staple-and-some-more",
            "canary-canary-canary-canary-canary-canary",
        ] {
            assert!(is_published(text) && is_published(&text.to_uppercase()), "{text}");
        }
        assert!(!is_published("another one"));
    }
}
