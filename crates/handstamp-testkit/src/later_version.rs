use handstamp_core::id::SessionKey;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Writes entries and messages as a later version may, in the formats of `docs/formats.md`. It shares no code with the nodes of this
/// version.
#[derive(Debug)]
pub struct LaterVersion {
    namespace: Vec<u8>,
    keys: Hkdf<Sha256>,
}

impl LaterVersion {
    /// A field that this version does not know, and has to preserve.
    pub const HARMLESS: u16 = 900;
    /// A critical field that this version does not know.
    pub const CRITICAL: u16 = 901 | 1 << 15;

    /// A later version with this secret in hexadecimal digits.
    ///
    /// # Panics
    ///
    /// When the secret is not hexadecimal.
    #[must_use]
    pub fn new(namespace: &str, secret: &str) -> Self {
        let digits = (0..secret.len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16));
        let secret: Vec<u8> = digits.collect::<Result<_, _>>().expect("hexadecimal digits");
        let length = u16::try_from(namespace.len()).expect("a short namespace").to_be_bytes();
        let namespace = [&length, namespace.as_bytes()].concat();
        let salt = Sha256::new().chain_update(b"sess/v1").chain_update(&namespace).finalize();
        Self { namespace, keys: Hkdf::new(Some(&salt), &secret) }
    }

    /// The record or tombstone with these flags.
    ///
    /// # Panics
    ///
    /// When `entry` is not in format 1.
    #[must_use]
    pub fn with_flags(&self, key: &SessionKey, entry: &[u8], flags: u8) -> Vec<u8> {
        let (mut metadata, payload) = split(entry);
        metadata[3] = flags;
        self.seal(key, metadata, payload)
    }

    /// The record with one more field in its open section.
    ///
    /// # Panics
    ///
    /// When `record` is not a record in format 1.
    #[must_use]
    pub fn with_field(&self, key: &SessionKey, record: &[u8], field: u16, value: &[u8]) -> Vec<u8> {
        let (mut metadata, payload) = split(record);
        let length = u16::try_from(value.len()).expect("a short value");
        let field = [&field.to_be_bytes()[..], &length.to_be_bytes(), value].concat();
        let open_len = number(&metadata[OPEN_LEN..]) + field.len();
        metadata[OPEN_LEN..][..4].copy_from_slice(&u32::try_from(open_len).expect("a length").to_be_bytes());
        metadata.splice(OPEN..OPEN, field);
        self.seal(key, metadata, payload)
    }

    /// A message of this kind.
    #[must_use]
    pub fn message(&self, kind: u8, content: &[u8]) -> Vec<u8> {
        let [key_id, ..] = self.expand::<4>("sess/v1/key-id");
        let mut message = [&[1, key_id, kind], content].concat();
        let tag = sign(&self.expand("sess/v1/bus-mac"), &[b"sess/v1/bus\0", &message]);
        message.extend(tag);
        message
    }

    fn seal(&self, key: &SessionKey, mut entry: Vec<u8>, payload: Option<&[u8]>) -> Vec<u8> {
        let mut prefix = [b"sess/v1/record\0", &self.namespace[..]].concat();
        prefix.resize(prefix.len().next_multiple_of(64), 0);
        let sign = |part: u8, bytes: &[&[u8]]| {
            sign(&self.expand("sess/v1/record-mac"), &[&prefix, &[part], key.as_bytes(), &bytes.concat()])
        };
        let tag = sign(0, &[&entry]);
        entry.extend(tag);
        if let Some(payload) = payload {
            entry.extend(payload);
            entry.extend(sign(1, &[&tag, payload]));
        }
        entry
    }

    fn expand<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let mut key = [0; N];
        self.keys.expand(purpose.as_bytes(), &mut key).expect("a short key");
        key
    }
}

/// Everything that the first tag covers, and the payload of a record.
fn split(entry: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let sections = number(&entry[OPEN_LEN..]) + number(&entry[OPEN_LEN + 4..]);
    let (metadata, rest) = entry.split_at(OPEN + sections);
    let payload = entry.starts_with(b"hs").then(|| &rest[TAG_LEN..rest.len() - TAG_LEN]);
    (metadata.to_vec(), payload)
}

fn number(bytes: &[u8]) -> usize {
    bytes[..4].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn sign(key: &[u8; 32], parts: &[&[u8]]) -> [u8; TAG_LEN] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

const OPEN_LEN: usize = 68;
const OPEN: usize = 81;
const TAG_LEN: usize = 32;
