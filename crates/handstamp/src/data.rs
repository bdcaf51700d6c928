use serde::Serialize;
use serde::de::DeserializeOwned;

use handstamp_core::record::Encoding;
use handstamp_store::BoxError;

/// The data of an application's sessions.
///
/// ```
/// use handstamp::SessionData;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Default, Deserialize, Serialize)]
/// struct UserSession {
///     username: Option<String>,
///     visits: u64,
/// }
///
/// impl SessionData for UserSession {
///     fn subject(&self) -> Option<&str> {
///         self.username.as_deref()
///     }
/// }
/// ```
///
/// A visitor without a session has the default value. Data is stored as MessagePack with field names, so fields can be added (with
/// `#[serde(default)]`) and removed. When a field changes its meaning, increment [`SCHEMA`](Self::SCHEMA) and implement
/// [`migrate`](Self::migrate).
pub trait SessionData: Clone + Default + DeserializeOwned + Send + Serialize + Sync + 'static {
    /// The schema version of this type.
    ///
    /// During a deploy, nodes load data of a newer schema than theirs. They read it if it can be decoded, and never overwrite it: a request that
    /// changes it gets 503.
    const SCHEMA: u16 = 1;

    /// The owner of the session: a user id, of at most 65,535 bytes. `None` if no user is logged in.
    ///
    /// The id of a user must never change, because the sessions of a subject are found by it. If it is an e-mail address, and the user gets
    /// another address, the sessions on other devices stay with the old one.
    ///
    /// A change of the subject changes the session:
    ///
    /// - from `None` to a subject: a login. The session gets a new id, and its absolute lifetime begins anew;
    /// - from one subject to another: the change is applied to the default value instead, in a session of its own, and the former session ends. If
    ///   the former subject exists only in this request's changes, those are dropped;
    /// - from a subject to `None`: nothing else. The session keeps its id and the rest of its data.
    fn subject(&self) -> Option<&str> {
        None
    }

    /// An estimate of the memory on the heap that the data takes, in bytes, from the length of its encoding: the local cache uses it to stay within
    /// its budget.
    ///
    /// By default it is three times that length, which is enough for strings, numbers, and lists of them. Two kinds of data take many times as
    /// much, and need a `heap_size` of their own:
    ///
    /// - lists of structs whose encoding leaves fields out (`skip_serializing_if`): each element takes the memory of all fields;
    /// - maps of maps, such as a `serde_json::Value` with many small objects: up to thirty times the length.
    ///
    /// ```
    /// use handstamp::SessionData;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Item {
    ///     #[serde(default, skip_serializing_if = "Option::is_none")]
    ///     note: Option<String>,
    ///     #[serde(default, skip_serializing_if = "Option::is_none")]
    ///     gift_for: Option<String>,
    /// }
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Cart {
    ///     items: Vec<Item>,
    /// }
    ///
    /// impl SessionData for Cart {
    ///     fn heap_size(&self, encoded_len: usize) -> usize {
    ///         // The elements themselves, and an upper bound for their strings.
    ///         self.items.capacity() * size_of::<Item>() + encoded_len
    ///     }
    /// }
    ///
    /// let cart = Cart { items: vec![Item::default(); 1_000] };
    /// assert!(cart.heap_size(1_010) >= 1_000 * size_of::<Item>());
    /// ```
    fn heap_size(&self, encoded_len: usize) -> usize {
        encoded_len.saturating_mul(3)
    }

    /// Reads data of an older schema. By default it is decoded as if it had the current schema.
    ///
    /// # Errors
    ///
    /// When it cannot be decoded. The visitor is then treated as one without a session.
    fn migrate(old: StoredPayload<'_>) -> Result<Self, BoxError> {
        old.decode()
    }
}

/// Stored data of an older schema.
#[derive(Clone, Copy)]
pub struct StoredPayload<'a> {
    schema: u16,
    encoding: Encoding,
    payload: &'a [u8],
}

impl<'a> StoredPayload<'a> {
    pub(crate) const fn new(schema: u16, encoding: Encoding, payload: &'a [u8]) -> Self {
        Self { schema, encoding, payload }
    }

    /// The schema version of the data.
    #[must_use]
    pub const fn schema(&self) -> u16 {
        self.schema
    }

    /// Decodes the data as a `D`, which is usually a copy of the type as it was at that version.
    ///
    /// # Errors
    ///
    /// When the data is no `D`.
    pub fn decode<D: DeserializeOwned>(&self) -> Result<D, BoxError> {
        decode(self.encoding, self.payload)
    }
}

/// Shows no data.
impl std::fmt::Debug for StoredPayload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredPayload").field("schema", &self.schema).finish_non_exhaustive()
    }
}

pub(crate) fn encode<D: Serialize>(encoding: Encoding, data: &D) -> Result<Vec<u8>, BoxError> {
    match encoding {
        Encoding::MessagePack => {
            let mut bytes = Vec::with_capacity(TYPICAL_LEN);
            data.serialize(
                &mut rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable(),
            )?;
            Ok(bytes)
        }
        Encoding::Json => Ok(serde_json::to_vec(data)?),
        other => Err(unsupported(other)),
    }
}

pub(crate) fn decode<D: DeserializeOwned>(encoding: Encoding, payload: &[u8]) -> Result<D, BoxError> {
    match encoding {
        Encoding::MessagePack => {
            // Human-readable, because serde cannot decode the other form in tagged, untagged and flattened types.
            let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload).with_human_readable();
            deserializer.set_max_depth(MAX_DEPTH);
            D::deserialize(&mut deserializer)
                .map_err(|error| Box::new(DecodeError::of_message_pack(&error)).into())
        }
        Encoding::Json => {
            serde_json::from_slice(payload).map_err(|error| Box::new(DecodeError::of_json(&error)).into())
        }
        other => Err(unsupported(other)),
    }
}

/// An encoding that was added to the core crate, but not here.
fn unsupported(encoding: Encoding) -> BoxError {
    format!("payloads encoded as {encoding:?} are not supported").into()
}

/// The stored data cannot be decoded. A more detailed error would quote the data.
#[derive(Debug, thiserror::Error)]
enum DecodeError {
    #[error("the data ends too early")]
    CutOff,
    #[error("the data is nested too deeply")]
    TooDeep,
    #[error("the data is in another encoding, or damaged")]
    Malformed,
    #[error("the data has another type")]
    OtherType,
}

impl DecodeError {
    const fn of_message_pack(error: &rmp_serde::decode::Error) -> Self {
        use rmp_serde::decode::Error;
        match error {
            Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => Self::CutOff,
            Error::DepthLimitExceeded => Self::TooDeep,
            Error::Utf8Error(_) => Self::Malformed,
            _ => Self::OtherType,
        }
    }

    fn of_json(error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Eof => Self::CutOff,
            serde_json::error::Category::Data => Self::OtherType,
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => Self::Malformed,
        }
    }
}

/// Most sessions are shorter, as `serde_json` also assumes: their buffer does not have to grow.
const TYPICAL_LEN: usize = 128;
/// The same limit as for JSON. Each level takes stack, and stored bytes are not trusted.
const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    struct Cart {
        items: Vec<String>,
        #[serde(default)]
        note: Option<String>,
    }

    #[test]
    fn data_survives_both_encodings() {
        let cart = Cart { items: vec!["pen".to_owned()], note: Some("gift".to_owned()) };
        for encoding in [Encoding::MessagePack, Encoding::Json] {
            let bytes = encode(encoding, &cart).unwrap();
            assert_eq!(decode::<Cart>(encoding, &bytes).unwrap(), cart);
        }
    }

    #[test]
    fn fields_can_be_added_and_removed() {
        #[derive(Serialize)]
        struct Before {
            items: Vec<String>,
            removed: u8,
        }
        let bytes = encode(Encoding::MessagePack, &Before { items: vec![], removed: 1 }).unwrap();
        assert_eq!(decode::<Cart>(Encoding::MessagePack, &bytes).unwrap(), Cart::default());
    }

    #[test]
    fn errors_quote_nothing() {
        let items = std::collections::BTreeMap::from([("items", "canary")]);
        for encoding in [Encoding::MessagePack, Encoding::Json] {
            let error = decode::<Cart>(encoding, &encode(encoding, &items).unwrap()).unwrap_err();
            let shown = format!("{error} {error:?} {:?}", error.source());
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn deeply_nested_garbage_is_an_error() {
        let nested = vec![0x91; 100_000];
        let brackets = "[".repeat(100_000);
        assert!(decode::<serde_json::Value>(Encoding::MessagePack, &nested).is_err());
        assert!(decode::<serde_json::Value>(Encoding::Json, brackets.as_bytes()).is_err());
        assert!(decode::<Cart>(Encoding::MessagePack, b"").is_err());
    }
}
