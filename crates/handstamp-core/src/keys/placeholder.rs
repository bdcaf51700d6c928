/// Whether `text` is a placeholder for a secret: a template that was not expanded, a reference that was not resolved, or a
/// phrase such as `change-me`.
///
/// The phrases are so long that random text never contains one.
pub(super) fn is_placeholder(text: &str) -> bool {
    is_template(text) || is_reference(text) || has_phrase(text)
}

/// `${NAME}`, `$(command)`, `{{ name }}`, `<name>`, `%NAME%`, `$NAME`, `` `command` ``.
fn is_template(text: &str) -> bool {
    let encloses =
        |open, close| text.split_once(open).is_some_and(|(_, rest): (_, &str)| rest.contains(close));
    let is_within = |open, close| text.len() > 1 && text.starts_with(open) && text.ends_with(close);
    let is_variable = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    [("${", "}"), ("$(", ")"), ("{{", "}}")].into_iter().any(|(open, close)| encloses(open, close))
        || [('<', '>'), ('[', ']'), ('%', '%'), ('`', '`')]
            .into_iter()
            .any(|(open, close)| is_within(open, close))
        || text.strip_prefix('$').is_some_and(is_variable)
}

/// The URL of a vault, the name or path of an external secret, or a secret that is still encrypted.
fn is_reference(text: &str) -> bool {
    text.contains("://")
        || text.contains("secrets/")
        || ["$ANSIBLE_VAULT;", "@Microsoft.KeyVault(", "ENC[", "arn:", "vault:"]
            .iter()
            .any(|start| text.starts_with(start))
}

fn has_phrase(text: &str) -> bool {
    let letters = zeroize::Zeroizing::new(letters(text));
    let is_between = |(start, end): &(&str, &str)| letters.starts_with(start) && letters.ends_with(end);
    PHRASES.iter().any(|phrase| letters.contains(phrase)) || FRAMES.iter().any(is_between)
}

/// The letters and digits in lower case, so that `Change-Me`, `CHANGE_ME` and `change me` are the same phrase.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

const PHRASES: [&str; 40] = [
    "changebefore",
    "changein",
    "changeit",
    "changeme",
    "changethis",
    "changetoa",
    "correcthorsebattery",
    "defaultsecret",
    "djangoinsecure",
    "donotuse",
    "dummysecret",
    "examplekey",
    "examplesecret",
    "fillmein",
    "forexample",
    "generateasecret",
    "goeshere",
    "goesinto",
    "insecuresecret",
    "keyboardcat",
    "loremipsum",
    "mustbechanged",
    "notasecret",
    "opensslrand",
    "placeholder",
    "putasecret",
    "quickbrownfox",
    "replaceby",
    "replaceme",
    "replacethis",
    "replacewith",
    "samplesecret",
    "secretstokenhex",
    "secretstokenurlsafe",
    "somesecret",
    "thisisasecret",
    "thisismysecret",
    "tobechanged",
    "yourownsecret",
    "yoursecret",
];

/// The first and the last word of an instruction such as `insert your key here`.
const FRAMES: [(&str, &str); 5] =
    [("enter", "here"), ("insert", "here"), ("paste", "here"), ("put", "here"), ("your", "here")];
