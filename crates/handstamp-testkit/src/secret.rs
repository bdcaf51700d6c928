/// A secret as people make them with `openssl rand -hex 32`, another one with every call: secrets that stand in a
/// repository are refused.
#[must_use]
pub fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
