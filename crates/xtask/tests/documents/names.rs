use crate::pages::{code_spans, documents, files, read};

#[test]
fn every_file_that_a_document_names_exists() {
    let files = files();
    let mut checked = 0;
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
            assert!(exists, "{document} names {name}");
            checked += 1;
        }
    }
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
