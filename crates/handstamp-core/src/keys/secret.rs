use std::fmt;

use zeroize::Zeroizing;

use super::decode::decode;
use super::placeholder::is_placeholder;
use super::published::is_published;
use super::strength::{bits_of_bytes, bits_of_text};
use crate::id::{RandomError, fill_random};

/// A master secret: at least 32 bytes that cannot be guessed.
///
/// All signing keys are derived from it. `Debug` does not show it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The minimum length in bytes, after decoding.
    pub const MIN_LEN: usize = 32;

    /// The minimum strength: as hard to guess as this number of random bits.
    pub const MIN_BITS: u32 = 80;

    /// Parses a secret from a setting.
    ///
    /// Text that consists of hexadecimal digits is decoded. Text of base64 characters that mixes upper case, lower case and
    /// digits, as random bytes in base64 do, is decoded as base64 or base64url. Any other text is used as its bytes.
    ///
    /// The output of `openssl rand -base64 48`, `openssl rand -hex 32` or a password manager is accepted, and so are eight
    /// words drawn at random from a list. The check takes well under a millisecond.
    ///
    /// # Errors
    ///
    /// When the secret has fewer than 32 bytes or is easy to guess, or the text is a placeholder, a template that was not
    /// expanded, or a published secret. The estimate is rough: an accepted text is not necessarily a good secret.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if is_published(text, &decode(text)) {
            return Err(SecretError::Published);
        }
        Self::parse_unpublished(text)
    }

    fn parse_unpublished(text: &str) -> Result<Self, SecretError> {
        if is_placeholder(text) {
            return Err(SecretError::Placeholder);
        }
        let bytes = decode(text);
        if bytes.len() < Self::MIN_LEN {
            return Err(SecretError::Short { bytes: bytes.len() });
        }
        if distinct(&bytes) < MIN_DISTINCT {
            return Err(SecretError::Repetitive);
        }
        if bits_of_text(text).min(bits_of_bytes(&bytes)) < f64::from(Self::MIN_BITS) {
            return Err(SecretError::Guessable);
        }
        Ok(Self(bytes))
    }

    /// A random secret of 32 bytes.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn generate() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new(vec![0; Self::MIN_LEN]);
        fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A fixed secret for tests, which is not checked.
    #[cfg(test)]
    pub(crate) fn unchecked(text: &str) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
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

/// Why a text is not accepted as a secret. The message never contains it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It consists of words, repetitions or sequences, which guessing programs try first.
    #[error("easy to guess, with fewer than 80 bits by estimate: make one with `openssl rand -base64 48`")]
    Guessable,
    /// It is a placeholder, a template that was not expanded, or a reference to an external secret.
    #[error("a placeholder, not a secret: make one with `openssl rand -base64 48`")]
    Placeholder,
    /// It is in the documentation or the tests of this library or another, or is the hash of a common word.
    #[error("published, and therefore known: make one with `openssl rand -base64 48`")]
    Published,
    /// It has fewer than five different bytes.
    #[error("too repetitive for a secret: make one with `openssl rand -base64 48`")]
    Repetitive,
    /// It is too short.
    #[error("only {bytes} bytes long, at least 32 are needed: make one with `openssl rand -base64 48`")]
    Short {
        /// Its length in bytes, after decoding.
        bytes: usize,
    },
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for &byte in bytes {
        seen[usize::from(byte)] = true;
    }
    seen.into_iter().filter(|&seen| seen).count()
}

/// 32 random bytes have about 30 different values.
const MIN_DISTINCT: usize = 5;

#[cfg(test)]
mod tests;
