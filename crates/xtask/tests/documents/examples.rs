use crate::pages::{blocks, documents, read};

#[test]
fn the_program_in_the_readmes_is_the_quickstart() {
    let quickstart = read("examples/quickstart/src/main.rs");
    let (_, program) = quickstart.split_once("\n\n").unwrap();
    for document in ["README.md", "crates/handstamp/README.md"] {
        let text = read(document);
        assert!(blocks(&text).contains(&("rust,no_run", program)), "{document}");
    }
}

/// F6: with the same secret and Redis, the examples read each other's sessions, as data of another type.
#[test]
fn k9_f6_every_example_has_a_namespace_of_its_own() {
    for example in ["quickstart", "plain-tower"] {
        let namespace = format!(".namespace_or(\"{example}\")");
        assert!(read(&format!("examples/{example}/src/main.rs")).contains(&namespace), "{example}");
    }
    assert!(!read("examples/cluster-node/src/nodes.rs").contains("namespace"), "it has the default");
}

#[test]
fn every_rust_example_is_a_doc_test() {
    let compiled = read("tests/documents.rs");
    for document in documents() {
        let text = read(&document);
        let has_rust = blocks(&text).iter().any(|(language, _)| language.starts_with("rust"));
        // The page of this package repeats the quickstart.
        if has_rust && document != "crates/handstamp/README.md" {
            assert!(
                compiled.contains(&format!("\"../{document}\"")),
                "tests/documents.rs leaves out {document}"
            );
        }
    }
}
