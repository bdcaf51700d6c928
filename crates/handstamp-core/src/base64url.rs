//! Base64url without padding. Every array has exactly one text, since spare bits must be zero.

use std::fmt;

use base64::Engine;
use base64::display::Base64Display;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// [`encode`] without an allocation.
pub(crate) fn display(bytes: &[u8]) -> impl fmt::Display {
    Base64Display::new(bytes, &BASE64_URL_SAFE_NO_PAD)
}

/// `None` unless the text is that of an array of this length.
pub(crate) fn decode<const N: usize>(text: impl AsRef<[u8]>) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_decoded() {
        assert_eq!(encode(&[0xff; 2]), "__8");
        assert_eq!(display(&[0xff; 2]).to_string(), "__8");
        assert_eq!(decode("__8"), Some([0xff; 2]));
        for text in ["", "__", "__9", "//8", "__8=", "__8A"] {
            assert_eq!(decode::<2>(text), None, "{text:?}");
        }
    }
}
