use std::path::Path;

use crate::pages::{documents, prose, read, root};

#[test]
fn every_link_within_the_repository_resolves() {
    for document in documents() {
        let folder = Path::new(&document).parent().unwrap();
        for target in links(&read(&document)) {
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { document.clone() } else { resolved(&folder.join(file)) };
            assert!(root().join(&file).exists(), "{document} links to {target}");
            assert!(
                heading.is_empty() || anchors(&read(&file)).iter().any(|anchor| anchor == heading),
                "{document} links to {target}"
            );
        }
    }
}

/// The targets of links that are not addresses on the web.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The path without `..`.
fn resolved(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.iter().map(|part| part.to_str().unwrap()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The headings, as links name them.
fn anchors(text: &str) -> Vec<String> {
    let titles = text.lines().filter_map(|line| line.strip_prefix('#'));
    titles.map(|title| anchor(title.trim_start_matches('#'))).collect()
}

fn anchor(title: &str) -> String {
    let kept = title.trim().chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
