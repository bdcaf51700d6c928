use crate::pages::{code_spans, documents, files, read};

#[test]
fn every_file_that_a_document_names_exists() {
    let files = files();
    let (mut checked, mut missing) = (0, Vec::new());
    for document in documents() {
        for name in code_spans(&read(&document)).iter().filter(|name| is_file(name)) {
            // `core: cache/ticket.rs` is a file of the crate handstamp-core.
            let (of_crate, path) = name.split_once(": ").unwrap_or(("", name));
            let path = path.trim_start_matches("../").trim_end_matches('/');
            let exists = files.iter().any(|file| {
                let below = file.strip_prefix("crates/").and_then(|file| file.split_once('/'));
                (of_crate.is_empty() || below.is_some_and(|(name, _)| is_crate(name, of_crate)))
                    && (file == path
                        || file.ends_with(&format!("/{path}"))
                        || file.contains(&format!("/{path}/")))
            });
            if !exists {
                missing.push(format!("{document} names {name}"));
            }
            checked += 1;
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(checked > 10);
}

fn is_file(name: &str) -> bool {
    const ENDINGS: [&str; 8] = [".rs", ".md", ".toml", ".yml", ".conf", ".json", ".py", ".lua"];
    let of_crate = name.split_once(": ").is_some_and(|(name, _)| CRATES.contains(&name));
    of_crate || !name.contains(' ') && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_crate(folder: &str, name: &str) -> bool {
    folder.strip_prefix("handstamp-") == Some(name) || folder == name
}

/// The short names of crates in ARCHITECTURE.md.
const CRATES: [&str; 5] = ["core", "store", "redis", "redis-client", "handstamp"];

#[test]
fn every_item_of_the_api_that_a_document_names_exists() {
    let listings: String = files().iter().filter(|path| is_listing(path)).map(|path| read(path)).collect();
    let listings = without_parameters(&listings);
    let mut checked = 0;
    // The changelog names items of the past.
    for document in documents().iter().filter(|document| *document != "CHANGELOG.md") {
        for item in code_spans(&read(document)).iter().filter(|name| is_item(name)) {
            let exists = listings.lines().any(|line| {
                let behind = line.split_once(&format!("::{item}")).map(|(_, behind)| behind);
                behind.is_some_and(|behind| {
                    !behind.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
            });
            assert!(exists, "{document} names {item}");
            checked += 1;
        }
    }
    assert!(checked > 20);
}

fn is_listing(path: &str) -> bool {
    path.starts_with("docs/api/") && path.ends_with(".txt")
}

/// `SessionLayer<T, E>::outage` becomes `SessionLayer::outage`.
fn without_parameters(text: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for letter in text.replace("->", "").chars() {
        depth += i32::from(letter == '<');
        if depth == 0 {
            kept.push(letter);
        }
        depth -= i32::from(letter == '>');
    }
    kept
}

/// `Session::touch` or `SessionError::Moved`.
fn is_item(name: &str) -> bool {
    let is_type =
        |part: &str| part.starts_with(char::is_uppercase) && part.chars().all(char::is_alphanumeric);
    name.split_once("::").is_some_and(|(of, item)| {
        is_type(of)
            && !STANDARD.contains(&of)
            && item.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

/// Types of the standard library.
const STANDARD: [&str; 2] = ["Instant", "SystemTime"];
