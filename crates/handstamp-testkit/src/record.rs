use bytes::Bytes;
use handstamp_core::id::{Handle, SessionKey};
use handstamp_core::record::{Encoding, Record, Revision};
use handstamp_core::time::Timestamp;

/// A record that nobody else has, as of a small session.
///
/// # Panics
///
/// When the system has no random bytes.
#[must_use]
pub fn record() -> Record {
    let mut key = [0; SessionKey::LEN];
    getrandom::fill(&mut key).expect("random bytes");
    Record {
        revision: Revision::first().expect("random bytes"),
        key: SessionKey::from_bytes(key),
        handle: Handle::generate().expect("random bytes"),
        created_at: Timestamp::from_millis(1_700_000_000_000),
        saved_at: Timestamp::from_millis(1_700_000_300_000),
        expires_at: Timestamp::from_millis(1_900_000_000_000),
        subject: Some("ada".to_owned()),
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: Bytes::from_static(&[7; 120]),
    }
}
