use std::sync::Arc;

use handstamp_core::id::{PublicId, SessionKey};
use handstamp_core::record::{Record, Revision, Seals, UnknownFields};
use handstamp_core::time::Timestamp;

/// The metadata of a record.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) revision: Revision,
    pub(crate) key: SessionKey,
    pub(crate) public_id: PublicId,
    /// The key that the session had before it got another id, unless the record there is known to be replaced.
    ///
    /// In a box, because few sessions have one.
    pub(crate) predecessor: Option<Box<SessionKey>>,
    pub(crate) created_at: Timestamp,
    /// The absolute deadline.
    pub(crate) expires_at: Timestamp,
    pub(crate) seals: Seals,
    /// Fields that a later version has added.
    pub(crate) additions: Option<Arc<Additions>>,
}

/// Fields of a record that this version does not know.
#[derive(Debug)]
pub(crate) struct Additions {
    fields: UnknownFields,
    /// The subject of the record: some of the fields are bound to it.
    subject: Option<String>,
}

impl Metadata {
    pub(super) fn of(record: &Record) -> Self {
        let &Record { revision, key, public_id, predecessor, created_at, expires_at, seals, .. } = record;
        let (predecessor, additions) = (predecessor.map(Box::new), Additions::of(record));
        Self { revision, key, public_id, predecessor, created_at, expires_at, seals, additions }
    }

    /// The unknown fields to keep in a record of `subject`.
    pub(crate) fn unknown_fields(&self, subject: Option<&str>) -> UnknownFields {
        self.additions
            .as_ref()
            .map_or_else(UnknownFields::default, |additions| additions.for_subject(subject))
    }
}

impl Additions {
    fn of(record: &Record) -> Option<Arc<Self>> {
        let Record { unknown_fields, subject, .. } = record;
        let additions = || Arc::new(Self { fields: unknown_fields.clone(), subject: subject.clone() });
        (!unknown_fields.is_empty()).then(additions)
    }

    fn for_subject(&self, subject: Option<&str>) -> UnknownFields {
        if self.subject.as_deref() == subject {
            self.fields.clone()
        } else {
            self.fields.without_bound_to_subject()
        }
    }
}
