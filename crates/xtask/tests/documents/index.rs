use crate::pages::{documents, read};

/// The pages in `docs`, without the index.
fn pages() -> impl Iterator<Item = String> {
    let names = documents().into_iter().filter_map(|path| path.strip_prefix("docs/").map(str::to_owned));
    names.filter(|name| name != "README.md" && !name.contains('/'))
}

#[test]
fn the_index_lists_every_page() {
    let index = read("docs/README.md");
    for page in pages() {
        assert!(index.contains(&format!("]({page})")), "docs/README.md does not list {page}");
    }
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = read("README.md");
    for page in pages() {
        assert!(readme.contains(&format!("](docs/{page}")), "README.md does not link to docs/{page}");
    }
}
