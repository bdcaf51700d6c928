use std::fmt;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::Mutex;

/// The last invalidations of sessions that this node has sent and not received yet.
///
/// A node receives its own messages, too, and has to apply them, because a save without a reply may be carried out later. A message
/// that is equal to one that was sent is authentic, so its tag need not be verified.
pub(super) struct SentMessages(Box<[Mutex<Option<Sent>>]>);

/// A message, and what it invalidates: all copies of the session, except for this revision and later ones.
struct Sent {
    message: Bytes,
    key: SessionKey,
    saved: Option<Revision>,
}

impl SentMessages {
    /// Takes the place of an older message in the same slot, which is then verified when it is received.
    pub(super) fn record(&self, message: &Bytes, key: SessionKey, saved: Option<Revision>) {
        if let Some(slot) = self.slot(message) {
            *slot.lock() = Some(Sent { message: message.clone(), key, saved });
        }
    }

    /// The session and the revision of `message`, if this node has sent it. A copy that is received later is verified.
    ///
    /// The comparison need not take constant time: the message is not secret.
    pub(super) fn take(&self, message: &[u8]) -> Option<(SessionKey, Option<Revision>)> {
        let sent = self.slot(message)?.lock().take_if(|sent| sent.message == message)?;
        Some((sent.key, sent.saved))
    }

    /// Selected by the end of the tag.
    fn slot(&self, message: &[u8]) -> Option<&Mutex<Option<Sent>>> {
        let (_, &[high, low]) = message.split_last_chunk()?;
        self.0.get(usize::from(u16::from_be_bytes([high, low])) % SLOTS)
    }
}

impl Default for SentMessages {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::new(None)).collect())
    }
}

impl fmt::Debug for SentMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentMessages").finish_non_exhaustive()
    }
}

/// More than the messages that are in flight at the same time. The slots take 100 kB, and their messages up to 190 kB.
const SLOTS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u16) -> Bytes {
        [&[0; 40][..], &number.to_be_bytes()].concat().into()
    }

    #[test]
    fn a_message_is_taken_once() {
        let (sent, key) = (SentMessages::default(), SessionKey::from_bytes([1; SessionKey::LEN]));
        sent.record(&message(1), key, Some(Revision::LATEST));
        sent.record(&message(2), key, None);
        assert_eq!(sent.take(&message(2)), Some((key, None)));
        assert_eq!(sent.take(&message(1)), Some((key, Some(Revision::LATEST))));
        assert_eq!(sent.take(&message(1)), None);
    }

    #[test]
    fn only_an_equal_message_is_one_that_was_sent() {
        let (sent, key) = (SentMessages::default(), SessionKey::from_bytes([1; SessionKey::LEN]));
        sent.record(&message(1), key, None);
        let mut forged = message(1).to_vec();
        forged[0] = 1;
        for other in [&forged[..], &message(1)[1..], &message(1 + SLOTS as u16), b"", b"1"] {
            assert_eq!(sent.take(other), None, "{other:?}");
        }
        assert!(sent.take(&message(1)).is_some(), "the message itself still waits");
    }

    #[test]
    fn a_later_message_takes_the_slot() {
        let (sent, key) = (SentMessages::default(), SessionKey::from_bytes([1; SessionKey::LEN]));
        sent.record(&message(1), key, None);
        sent.record(&message(1 + SLOTS as u16), key, None);
        assert_eq!(sent.take(&message(1)), None);
    }
}
