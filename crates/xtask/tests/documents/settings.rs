use crate::pages::{documents, files, read};

#[test]
fn the_settings_page_has_the_names_and_defaults_of_the_library() {
    let rows = |text: &str, margin: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(margin));
        lines.filter(|line| line.starts_with("| `") && line.contains('_')).map(str::to_owned).collect()
    };
    let documented = rows(&read("crates/handstamp/src/config/mod.rs"), "/// ");
    let page = rows(&read("docs/settings.md"), "");
    for row in &documented {
        let name = row.split('|').nth(1).unwrap();
        let default = row.rsplit('|').nth(1).unwrap().split(';').next().unwrap();
        let named = page.iter().any(|line| line.contains(name) && line.contains(default));
        assert!(named, "docs/settings.md does not say {row}");
    }
    assert!(documented.len() > 10);
}

#[test]
fn every_variable_that_a_document_names_exists() {
    let sources: String = files()
        .iter()
        .filter(|path| path.ends_with(".rs") && path.contains("src/") || path.starts_with("examples/"))
        .map(|path| read(path))
        .collect();
    for document in documents() {
        for variable in variables(&read(&document)) {
            assert!(sources.contains(&variable), "{document} names {variable}");
        }
    }
}

/// Names that begin as those of our settings do.
fn variables(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)));
    ours.filter(|word| !word.contains(char::is_lowercase)).map(str::to_owned).collect()
}

const PREFIXES: [&str; 5] = ["SESSION_", "REDIS_", "LOCAL_CACHE_", "NODE_", "HANDSTAMP_"];

#[test]
fn the_routes_page_has_the_routes_of_the_library() {
    let page = read("docs/routes.md");
    let library = read("crates/handstamp/src/routes/mod.rs");
    let routes: Vec<_> = library.lines().filter_map(|line| line.strip_prefix("/// | `")).collect();
    assert_eq!(routes.len(), 4);
    for route in routes.iter().map(|row| row.split('`').next().unwrap()) {
        assert!(page.contains(&format!("| `{route}` |")), "docs/routes.md does not say {route}");
    }
}

#[test]
fn the_redis_page_has_the_permissions_of_the_library() {
    // From this command to the end of its code block.
    let permissions = |text: &str| -> Vec<String> {
        let command = text.split("ACL SETUSER").nth(1).unwrap().split("```").next().unwrap();
        command.split_whitespace().map(str::to_owned).collect()
    };
    let library = read("crates/handstamp-redis/src/lib.rs").replace("//!", "");
    assert_eq!(permissions(&read("docs/redis.md")), permissions(&library));
}
