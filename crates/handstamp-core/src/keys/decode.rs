use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::Secret;

/// The bytes of a secret written as `text`: hexadecimal digits and base64 are decoded, other text is used as it is.
pub(super) fn decode(text: &str) -> Zeroizing<Vec<u8>> {
    let decoded = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        decode_hex(text)
    } else if looks_like_base64(text) {
        decode_base64(text)
    } else {
        None
    };
    decoded.unwrap_or_else(|| Zeroizing::new(text.as_bytes().to_vec()))
}

fn decode_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let decoded = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    if rest.is_empty() { Option::map(decoded, Zeroizing::new) } else { None }
}

/// A passphrase such as `correct-horse-battery-staple` consists of base64url characters, but is not base64.
fn looks_like_base64(text: &str) -> bool {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && text.as_bytes().iter().all(alphabet)
}

fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD]
        .into_iter()
        .find_map(|engine| engine.decode(text).ok())
        .map(Zeroizing::new)?;
    // 32 random letters and digits are a good secret as text, but would be too short as base64.
    let only_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (decoded.len() >= Secret::MIN_LEN || !only_alphanumeric).then_some(decoded)
}
