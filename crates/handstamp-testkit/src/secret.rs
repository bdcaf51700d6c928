use std::hash::{DefaultHasher, Hash, Hasher};

/// A random secret, as from `openssl rand -hex 32`. Tests cannot use a constant, because published secrets are rejected.
#[must_use]
pub fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret derived from `seed`, for tests that need two secrets with different key ids; of two random secrets, one pair in 256 has
/// the same short key id.
#[must_use]
pub fn seeded_secret(seed: &str) -> String {
    (0..4_u8)
        .map(|part| {
            let mut hasher = DefaultHasher::new();
            (part, seed).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        })
        .collect()
}
