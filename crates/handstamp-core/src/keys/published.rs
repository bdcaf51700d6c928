use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::strength::common_words;

/// Whether `text`, which decodes to `bytes`, is a published secret: from an example or a test of this library, the default or
/// the documentation of another library, or the hash of a very common word.
pub(super) fn is_published(text: &str, bytes: &[u8]) -> bool {
    let text = Zeroizing::new(text.to_ascii_lowercase());
    is_listed(text.as_bytes()) || is_listed(bytes) || is_hash_of_a_word(bytes)
}

fn is_listed(secret: &[u8]) -> bool {
    PUBLISHED.contains(&&*BASE64_STANDARD_NO_PAD.encode(Sha256::digest(secret)))
}

/// Whether `bytes` are the SHA-256 or SHA-512 of one of the most common words and passwords, with or without the newline that
/// `echo` adds.
fn is_hash_of_a_word(bytes: &[u8]) -> bool {
    let is_hash = |word: &[u8]| match bytes.len() {
        32 => Sha256::digest(word)[..] == *bytes,
        64 => Sha512::digest(word)[..] == *bytes,
        _ => false,
    };
    PASSWORDS
        .into_iter()
        .chain(common_words().take(COMMONEST))
        .any(|word| is_hash(word.as_bytes()) || is_hash(&[word.as_bytes(), b"\n"].concat()))
}

/// Hashing takes time, and an attacker tries the most common words first.
const COMMONEST: usize = 100;

/// Passwords that are not in the list of common words.
const PASSWORDS: [&str; 20] = [
    "",
    "0",
    "1",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "111111",
    "abc123",
    "admin123",
    "hello world",
    "password1",
    "password123",
    "qwerty123",
    "secret123",
    "secretkey",
];

/// The SHA-256 of each published secret in base64: of the decoded bytes, or of the text in lower case.
const PUBLISHED: [&str; 29] = [
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
    "ETRZ63uzG93uha3lIw1q1diy+1KHngCoT/auEGeiENM",
    "lsN4AofFi9CGfIzZstYMOH6gcMTfP4fS0+PHcNO6qws",
    "ez2XnKgzCpT6fp4bRm2LmeC83qHskFlsDcyNfva0MAw",
    "15FP5Ua2hGiLuV9PiIqS38aAYDp18j64I2WAMf/3Ztk",
    "D6KFfoEGpH07uzNUNOQJHGQus0BShLJaYvJXUBUOfTA",
    "MdcViE6unsnlA9iSbFA7ldX6JCk9g+XfRYpErXr1pvw",
    "XwOXxubiWa/cFk75n7wPWAoLoQzqehCCYSfU4A57cE4",
    "K9hqzZ08jTvIlLkVoJLJgn7I4xGMDI6AXJBjguU9IkI",
    "jLJD1Rb3SQZxUUcbDd4JpvhWUb5NN45tp1aA0EzeR7A",
    "I5+NelV+/2w+RhKXA7vUOtGpVVQrizcy7YrCYxahP3s",
    "PUG8JoU3Yi1OSR5Ve4/W/s+xZCiXUMCE+GFMw+qbMz8",
    "OUfJGy/YT33+5TUX699dert8ccbITd6Q2dTMfCfx+nA",
    "vdwOCVlAaJdJBJ+spMIwF685i8PVFqCsbUNVs97wRVs",
    "ucqbFpNsn6q4QmH8Fxur+tmFX2RRJC/aEMxWastv/8w",
    "DQVhDaajqr5bv7/ruMiC8ZezJrQLO1HLB3JCsk1XvUY",
    "TQ+N7EUV0HphHFAvIq25XIVNlD1hIvuPlslQO0I1a6w",
    "paqXb+CTLfpOKO+tebK98Ksip5o0btP+ngrtowqz/R0",
];

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::super::decode::decode;
    use super::*;

    /// F3: the secrets of this repository's own tests were accepted. The list contains all of them, and the default of a session
    /// library for Crystal.
    #[test]
    fn k9_f3_published_secrets_are_recognized() {
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
        ] {
            let upper_case = text.to_uppercase();
            assert!(is_published(text, &decode(text)), "{text}");
            assert!(is_published(&upper_case, &decode(&upper_case)), "{text}");
        }
        assert!(!is_published("another one", b"another one"));
    }

    /// F3: the secrets in the documentation of FastAPI and Flask were accepted, and so were hashes of words.
    #[test]
    fn k9_f3_published_bytes_are_recognized_in_every_notation() {
        let of_documents = [
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        ]
        .map(|text| decode(text).to_vec());
        let words = ["", "admin", "123456", "secret", "password", "test", "session\n"];
        let hashes =
            words.iter().flat_map(|word| [Sha256::digest(word).to_vec(), Sha512::digest(word).to_vec()]);
        for bytes in of_documents.into_iter().chain(hashes) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            for text in [hex.to_uppercase(), hex, BASE64_STANDARD.encode(&bytes)] {
                assert!(is_published(&text, &decode(&text)), "{text}");
            }
        }
    }
}
