use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use handstamp_core::id::SessionKey;

/// Time since the nodes were started.
pub(crate) type Moment = Duration;

/// The life of a session, from its creation to its end, as the writer knows it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) key: SessionKey,
    /// Whether the victim serves it.
    pub(crate) victim: bool,
    /// The number and the time of each acknowledged write.
    pub(crate) acknowledged: Vec<(u32, Moment)>,
    /// The numbers in the last record that the writer knew.
    pub(crate) known: Vec<u32>,
    pub(crate) end: End,
}

/// Whether and how a session was ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Never,
    /// The delete was acknowledged.
    Acknowledged(Moment),
    /// There was no reply: the node repeats the delete.
    Pending,
    /// It does not exist, although it was not deleted.
    NotFound,
}

impl Life {
    pub(crate) fn new(key: SessionKey, victim: bool) -> Self {
        Self { key, victim, acknowledged: Vec::new(), known: Vec::new(), end: End::Never }
    }
}

/// The payload of a record: the numbers of all writes that it includes.
pub(crate) fn payload(numbers: &[u32]) -> Bytes {
    let mut bytes = Vec::with_capacity(size_of_val(numbers));
    numbers.iter().for_each(|number| bytes.put_u32(*number));
    bytes.into()
}

/// The numbers in a payload.
pub(crate) fn numbers(mut payload: Bytes) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(payload.len() / size_of::<u32>());
    while payload.remaining() >= size_of::<u32>() {
        numbers.push(payload.get_u32());
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        assert_eq!(numbers(payload(&[0, 7, 1_000_000])), [0, 7, 1_000_000]);
        assert!(numbers(Bytes::new()).is_empty());
    }
}
