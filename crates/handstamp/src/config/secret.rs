use handstamp_core::keys::Secret;
use zeroize::Zeroizing;

use super::error::{Problem, QUOTED};
use super::quotes::without_quotes;
use super::resolve::noting;

/// The secrets of a comma-separated list, in order. Every one that is wrong is named, by its place in the list.
pub(super) fn secrets_in(list: &str, problems: &mut Vec<Problem>) -> Option<Vec<Secret>> {
    if without_quotes(list.trim()).is_some() {
        problems.push(Problem::quoted(SECRET));
        return None;
    }
    let count = list.split(',').count();
    let secrets = (1..).zip(list.split(',')).map(|(number, text)| {
        let parsed = match without_quotes(text.trim()) {
            Some(_) => Err(QUOTED.to_owned()),
            None => Secret::parse(text).map_err(|weakness| weakness.to_string()),
        };
        let which = |complaint| match count {
            1 => complaint,
            _ => format!("number {number} of {count}: {complaint}"),
        };
        noting(SECRET, parsed.map_err(which), problems)
    });
    // To the end, so that every secret that is wrong is named.
    secrets.collect::<Vec<_>>().into_iter().collect()
}

/// 32 random bytes in hexadecimal digits.
pub(super) fn random_secret() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

pub(super) const SECRET: &str = "SESSION_SECRET";
