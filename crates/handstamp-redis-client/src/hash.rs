/// The slot of a key in a cluster: see the
/// [specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model).
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    fred::util::redis_keyslot(key)
}

/// The name under which servers know a script.
pub(crate) fn sha1_hex(text: &str) -> String {
    fred::util::sha1_hash(text)
}
