use std::fmt;

use super::Record;

/// Shows only the lengths of subject and payload, which may be personal data and must not get into logs.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without `..`, so that a new field cannot be forgotten.
        let Self {
            revision,
            key,
            public_id,
            predecessor,
            created_at,
            saved_at,
            expires_at,
            idle_timeout,
            subject,
            encoding,
            schema,
            payload,
            seals,
            unknown_fields,
        } = self;
        f.debug_struct("Record")
            .field("revision", revision)
            .field("key", key)
            .field("public_id", public_id)
            .field("predecessor", predecessor)
            .field("created_at", created_at)
            .field("saved_at", saved_at)
            .field("expires_at", expires_at)
            .field("idle_timeout", idle_timeout)
            .field("subject", &subject.as_ref().map(|subject| Bytes(subject.len())))
            .field("encoding", encoding)
            .field("schema", schema)
            .field("payload", &Bytes(payload.len()))
            .field("seals", seals)
            .field("unknown_fields", &Bytes(unknown_fields.len()))
            .finish()
    }
}

/// The number of bytes of a hidden value.
struct Bytes(usize);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::id::{PublicId, SessionKey};
    use crate::record::{Encoding, Record, Revision, Seals, UnknownFields};
    use crate::time::Timestamp;

    /// F15: printing a record printed the data of the session.
    #[test]
    fn k11_f15_debug_shows_neither_subject_nor_payload() {
        let record = Record {
            revision: Revision::from_bytes([1; 16]),
            key: SessionKey::from_bytes([2; 32]),
            public_id: PublicId::from_bytes([3; 16]),
            predecessor: None,
            created_at: Timestamp::from_millis(1),
            saved_at: Timestamp::from_millis(2),
            expires_at: Timestamp::from_millis(3),
            idle_timeout: std::time::Duration::from_secs(4),
            subject: Some("canary-subject".to_owned()),
            encoding: Encoding::Json,
            schema: 1,
            payload: Bytes::from_static(br#"{"name": "canary"}"#),
            seals: Seals::default(),
            unknown_fields: UnknownFields::default(),
        };
        for shown in [format!("{record:?}"), format!("{record:#?}")] {
            assert!(!shown.contains("canary") && !shown.contains("99, 97"), "{shown}");
            assert!(shown.contains("14 bytes") && shown.contains("18 bytes"), "{shown}");
        }
    }
}
