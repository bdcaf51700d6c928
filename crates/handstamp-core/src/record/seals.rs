use crate::keys::KeyId;

/// Under which secrets a record has been sealed.
///
/// While secrets are rotated, some nodes seal with the old one, and some with the new one. Each would seal a record anew whenever the other
/// has done so; the record therefore says which secret it was sealed under before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seals {
    pub(super) last: Option<KeyId>,
    pub(super) before: Option<KeyId>,
}

impl Seals {
    /// Those of a record that is sealed under `current` next.
    pub(super) fn then(self, current: KeyId) -> Self {
        match self.last {
            Some(last) if last != current => Self { last: Some(current), before: Some(last) },
            _ => Self { last: Some(current), ..self },
        }
    }
}
