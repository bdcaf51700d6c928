use crate::keys::KeyId;

/// The secrets that a record was sealed under.
///
/// During a rotation, some nodes seal with the old secret and some with the new one. Without a memory of the previous seal, they
/// would reseal a record in turn at every use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seals {
    pub(super) last: Option<KeyId>,
    pub(super) before: Option<KeyId>,
}

impl Seals {
    /// The value after the record is sealed under `current`.
    pub(super) fn then(self, current: KeyId) -> Self {
        match self.last {
            Some(last) if last != current => Self { last: Some(current), before: Some(last) },
            _ => Self { last: Some(current), ..self },
        }
    }
}
