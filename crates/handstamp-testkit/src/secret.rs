use std::hash::{DefaultHasher, Hash, Hasher};

/// A secret as `openssl rand -hex 32` makes one, another with every call. Secrets that can be read in a repository are
/// refused.
#[must_use]
pub fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret that follows from `seed`: for tests to which it matters that two secrets have different key ids, which two
/// random ones have 255 times of 256.
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
