use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, PublicId, SessionKey};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{
    Encoding, Entry, Opened, Record, Revision, Sealer, Seals, Tombstone, UnknownFields,
};
use handstamp_core::time::Timestamp;

/// A record of a small session, under a random key.
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
        public_id: PublicId::generate().expect("random bytes"),
        predecessor: None,
        created_at: Timestamp::from_millis(1_700_000_000_000),
        saved_at: Timestamp::from_millis(1_700_000_300_000),
        expires_at: Timestamp::from_millis(1_900_000_000_000),
        idle_timeout: Duration::from_secs(3_600),
        subject: Some("ada".to_owned()),
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: Bytes::from_static(&[7; 120]),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    }
}

/// The sealer for entries that tests put into a store without a node. Its key is random in each process.
///
/// # Panics
///
/// When the system has no random bytes.
#[must_use]
pub fn sealer() -> &'static Sealer {
    static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
        let secret = Secret::generate().expect("random bytes");
        Sealer::new(&KeyRing::new(Namespace::default(), &[secret]).expect("a secret"))
    });
    &SEALER
}

/// The entry of a record, sealed by [`sealer`].
///
/// # Panics
///
/// When the subject is too long.
#[must_use]
pub fn sealed(record: &Record) -> Entry {
    sealer().seal(record).expect("a subject of permitted length")
}

/// The entry after the next save of a record that [`sealed`] returned.
///
/// # Panics
///
/// When `record` is not authentic, or the system has no random bytes.
#[must_use]
pub fn resealed(record: &Entry) -> Entry {
    let record = unsealed(record);
    sealed(&Record { revision: record.revision.next(record.saved_at), ..record })
}

/// A tombstone that replaces `record`, different for each call.
///
/// # Panics
///
/// When the system has no random bytes.
#[must_use]
pub fn tombstone(record: &Entry) -> Entry {
    sealer().seal_tombstone(&Tombstone {
        key: *record.key(),
        revision: Revision::first().expect("random bytes"),
        successor: Some(self::record().key),
        same_subject: true,
    })
}

/// The record in an entry that [`sealed`] returned.
///
/// # Panics
///
/// When it is not authentic.
#[must_use]
pub fn unsealed(record: &Entry) -> Record {
    match sealer().open(record).expect("an authentic entry") {
        Opened::Record(record, _) => record,
        Opened::Tombstone(tombstone) => panic!("{tombstone:?}"),
    }
}
