use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// Whether `text` is a published secret: one of an example or a test of this library, the built-in default of another library
/// or one from its documentation, or the SHA-256 of a word that comes to mind first.
pub(super) fn is_published(text: &str) -> bool {
    let hash = Sha256::digest(zeroize::Zeroizing::new(text.to_ascii_lowercase()).as_bytes());
    PUBLISHED.contains(&&*BASE64_STANDARD_NO_PAD.encode(hash))
}

/// SHA-256 of each in lower case, in base64.
const PUBLISHED: [&str; 20] = [
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
    "zTcvuFFIcA+ogJXjSS0/n1vrQ+VV5f8m2V9aatw2+OY",
    "PZG1hQSmzDoVkAXuexbHrlA8pqwqajyJODcIPCNrhko",
    "ETRZ63uzG93uha3lIw1q1diy+1KHngCoT/auEGeiENM",
    "lsN4AofFi9CGfIzZstYMOH6gcMTfP4fS0+PHcNO6qws",
    "ez2XnKgzCpT6fp4bRm2LmeC83qHskFlsDcyNfva0MAw",
    "15FP5Ua2hGiLuV9PiIqS38aAYDp18j64I2WAMf/3Ztk",
    "D6KFfoEGpH07uzNUNOQJHGQus0BShLJaYvJXUBUOfTA",
    "MdcViE6unsnlA9iSbFA7ldX6JCk9g+XfRYpErXr1pvw",
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
            "supersecretkeyyoushouldnotcommittogithub",
            "meinSuperGeheimesPasswort1234567890",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        ] {
            assert!(is_published(text) && is_published(&text.to_uppercase()), "{text}");
        }
        assert!(!is_published("another one"));
    }
}
