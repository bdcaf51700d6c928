use handstamp_core::keys::Secret;
use zeroize::Zeroizing;

use super::error::{Problem, QUOTED};
use super::quotes::{has_quote_at_an_end, without_quotes};
use super::resolve::or_record;

/// The secrets of a comma-separated list in a setting, in order. Each invalid one is reported by its position in the list.
pub(super) fn secrets_in(setting: &str, list: &str, problems: &mut Vec<Problem>) -> Option<Vec<Secret>> {
    if without_quotes(list.trim()).is_some() {
        problems.push(Problem::quoted(setting));
        return None;
    }
    let count = list.split(',').count();
    let secrets = (1..).zip(list.split(',')).map(|(number, text)| {
        let parsed = match copied_too_much(setting, text.trim()) {
            Some(message) => Err(message.to_owned()),
            None => Secret::parse(text).map_err(|weakness| weakness.to_string()),
        };
        let which = |message| match count {
            1 => message,
            _ => format!("number {number} of {count}: {message}"),
        };
        or_record(setting, parsed.map_err(which), problems)
    });
    // All of them are checked, so that each invalid secret is reported.
    secrets.collect::<Vec<_>>().into_iter().collect()
}

/// The problem with a secret that contains a part of the line that it was copied from. On a node that parses the line correctly, it
/// would be a different secret.
fn copied_too_much(setting: &str, text: &str) -> Option<&'static str> {
    let assigned = text.strip_prefix("export ").unwrap_or(text).strip_prefix(setting);
    if without_quotes(text).is_some() {
        Some(QUOTED)
    } else if has_quote_at_an_end(text) {
        Some("a quote at the beginning or the end is part of the value: write it without quotes")
    } else if assigned.is_some_and(|rest| rest.trim_start().starts_with('=')) {
        Some("the name is part of the value: write only the text after the =")
    } else if text.strip_suffix(';').is_some_and(is_without_punctuation) {
        Some("the semicolon at the end is part of the value: write it without one")
    } else if [" #", "\t#"].iter().any(|comment| text.contains(comment)) {
        Some("the comment is part of the value: write it on a line of its own")
    } else {
        None
    }
}

/// Whether a text consists only of characters of hexadecimal digits, base64 and words. Other secrets may well end with a semicolon.
pub(super) fn is_without_punctuation(text: &str) -> bool {
    text.chars().all(|letter| letter.is_alphanumeric() || "+/=_-. ".contains(letter))
}

/// 32 random bytes in hexadecimal digits.
pub(super) fn random_secret() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

pub(super) const SECRET: &str = "SESSION_SECRET";
pub(super) const INDEX_SECRET: &str = "SESSION_INDEX_SECRET";
