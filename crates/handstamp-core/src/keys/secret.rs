use std::fmt;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A master secret: at least 32 bytes that nobody can guess.
///
/// Everything that signs is derived from it. `Debug` shows nothing of it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The fewest bytes, after decoding.
    pub const MIN_LEN: usize = 32;

    /// Reads a secret as people write them into settings.
    ///
    /// Text of hexadecimal digits only is decoded as such. Text of base64 characters that mixes upper case,
    /// lower case and digits, as random bytes in base64 do, is decoded as base64 or base64url. Any other text
    /// counts as the bytes that it is.
    ///
    /// # Errors
    ///
    /// When fewer than 32 bytes come out, when they are hardly diverse, or when the text is a placeholder that
    /// somebody forgot to replace.
    pub fn parse(text: &str) -> Result<Self, WeakSecret> {
        let text = text.trim();
        if is_quoted(text) {
            return Err(WeakSecret::Quoted);
        }
        let lower = text.to_ascii_lowercase();
        if PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder)) {
            return Err(WeakSecret::Placeholder);
        }
        let bytes = decode(text);
        if bytes.len() < Self::MIN_LEN {
            return Err(WeakSecret::Short { bytes: bytes.len() });
        }
        if distinct(&bytes) < MIN_DISTINCT {
            return Err(WeakSecret::Repetitive);
        }
        Ok(Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The text cannot serve as a secret. The message never repeats it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakSecret {
    /// It is a placeholder, or a default known from documentation.
    #[error("a placeholder, not a secret: make one with `openssl rand -base64 48`")]
    Placeholder,
    /// It stands between quotes, which would be a part of it.
    #[error("the quotes are part of the value: write it without them")]
    Quoted,
    /// Hardly any two of its bytes differ.
    #[error("too repetitive for a secret: make one with `openssl rand -base64 48`")]
    Repetitive,
    /// It is too short.
    #[error("only {bytes} bytes long, at least 32 are needed: make one with `openssl rand -base64 48`")]
    Short {
        /// Its length in bytes, after decoding.
        bytes: usize,
    },
}

/// A shell takes quotes away, and most other readers of settings pass them on: with them it would be another secret.
fn is_quoted(text: &str) -> bool {
    [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')]
        .iter()
        .any(|(open, close)| text.strip_prefix(*open).is_some_and(|rest| rest.ends_with(*close)))
}

fn decode(text: &str) -> Zeroizing<Vec<u8>> {
    let decoded = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        decode_hex(text)
    } else if looks_like_base64(text) {
        decode_base64(text)
    } else {
        None
    };
    Zeroizing::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let decoded = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    if rest.is_empty() { decoded } else { None }
}

/// A passphrase such as `correct-horse-battery-staple` is base64url by its letters, but nobody means it so.
fn looks_like_base64(text: &str) -> bool {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && text.as_bytes().iter().all(alphabet)
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD]
        .into_iter()
        .find_map(|engine| engine.decode(text).ok())
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for &byte in bytes {
        seen[usize::from(byte)] = true;
    }
    seen.into_iter().filter(|&seen| seen).count()
}

/// 32 random bytes hold about 30 different values.
const MIN_DISTINCT: usize = 5;

/// In lower case. The last is the built-in default of a session library for Crystal.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "change-this",
    "change_this",
    "your-secret",
    "your_secret",
    "1sxc1anxghttzklk5cpcgufjaqgm4g13",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_base64_and_plain_text_are_read() {
        let bytes: Vec<u8> = (0..48).map(|n| n * 5).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            format!(" {hex}\n"),
            BASE64_STANDARD.encode(&bytes),
            BASE64_URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            assert_eq!(Secret::parse(&text).unwrap().as_bytes(), bytes, "{text}");
        }
        let phrase = "correct-horse-battery-staple-and-some-more";
        assert_eq!(Secret::parse(phrase).unwrap().as_bytes(), phrase.as_bytes());
    }

    #[test]
    fn weak_secrets_are_refused() {
        let short: Vec<u8> = (0..31).map(|n| n * 8 + 3).collect();
        let short_hex: String = short.iter().map(|byte| format!("{byte:02x}")).collect();
        let cases = [
            ("", WeakSecret::Short { bytes: 0 }),
            ("correct-horse-battery-staple-31", WeakSecret::Short { bytes: 31 }),
            (&short_hex, WeakSecret::Short { bytes: 31 }),
            (&BASE64_STANDARD.encode(&short), WeakSecret::Short { bytes: 31 }),
            (&"0".repeat(64), WeakSecret::Repetitive),
            (&"ab".repeat(40), WeakSecret::Repetitive),
            ("ChangeMe-ChangeMe-ChangeMe-ChangeMe-1", WeakSecret::Placeholder),
            ("1sxc1aNxGHTTZKlK5cpCgufJAqGM4G13", WeakSecret::Placeholder),
        ];
        for (text, weakness) in cases {
            assert_eq!(Secret::parse(text).unwrap_err(), weakness, "{text}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_the_secret() {
        let canary = "canary-canary-canary-canary-canary-canary";
        assert_eq!(format!("{:?}", Secret::parse(canary).unwrap()), "Secret(..)");
        assert!(!Secret::parse("canary").unwrap_err().to_string().contains("canary"));
    }
}
