use std::fmt;

use super::{Label, RandomError, random_bytes};

/// The credential of a session: a [`Label`], and 30 bytes from the operating system's generator.
///
/// It exists only in the cookie and in memory. There is no `Display`, and `Debug` does not show it.
#[derive(Clone, Eq, PartialEq)]
pub struct SessionId([u8; Self::LEN]);

impl SessionId {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A new, unique id with this label; without one, the label is random. In either case 240 other bits are random.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn generate(label: Option<Label>) -> Result<Self, RandomError> {
        let mut bytes: [u8; Self::LEN] = random_bytes()?;
        if let Some(label) = label {
            bytes[..Label::LEN].copy_from_slice(label.as_bytes());
        }
        Ok(Self(bytes))
    }

    /// The label of the session's subject, or a random one.
    #[must_use]
    pub const fn label(&self) -> Label {
        let [first, second, ..] = self.0;
        Label::from_bytes([first, second])
    }

    /// The id made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_distinct_and_evenly_random() {
        // With this many ids, the limit below is eight standard deviations, which chance does not exceed.
        const COUNT: usize = 40_000;
        let mut ones = [0_u32; SessionId::LEN * 8];
        let mut seen = std::collections::HashSet::new();
        for _ in 0..COUNT {
            let id = SessionId::generate(None).unwrap();
            assert!(seen.insert(*id.as_bytes()), "an id was generated twice");
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(id.as_bytes()[bit / 8] >> (bit % 8) & 1);
            }
        }
        for (bit, count) in ones.into_iter().enumerate() {
            let ratio = f64::from(count) / COUNT as f64;
            assert!((0.48..=0.52).contains(&ratio), "bit {bit} is set in {ratio} of all ids");
        }
    }

    #[test]
    fn debug_does_not_show_the_id() {
        assert_eq!(format!("{:?}", SessionId::from_bytes([7; 32])), "SessionId(..)");
    }
}
