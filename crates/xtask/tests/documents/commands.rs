use std::process::Command;

use crate::pages::{blocks, code_spans, documents, files, read};

#[test]
fn every_xtask_command_that_a_document_names_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let help: Vec<&str> = help.split(|letter: char| " \n[]|,`".contains(letter)).collect();
    for (document, command) in commands("cargo xtask ") {
        for word in command.iter().filter(|word| word.starts_with("--")).chain(command.first()) {
            assert!(help.contains(&&**word), "{document} names `cargo xtask {}`", command.join(" "));
        }
    }
}

#[test]
fn every_package_and_benchmark_that_a_document_names_exists() {
    let manifests: String =
        files().iter().filter(|path| path.ends_with("Cargo.toml")).map(|path| read(path)).collect();
    for (document, command) in commands("cargo ") {
        for pair in command.windows(2) {
            if ["-p", "--package", "--bench", "--test", "--bin"].contains(&&*pair[0]) {
                let defined = manifests.contains(&format!("name = \"{}\"\n", pair[1]));
                let is_test = files().iter().any(|path| is_test(path, &pair[1]));
                assert!(defined || is_test, "{document} names `cargo {}`", command.join(" "));
            }
        }
    }
}

fn is_test(path: &str, name: &str) -> bool {
    path.ends_with(&format!("/tests/{name}.rs")) || path.ends_with(&format!("/tests/{name}/main.rs"))
}

/// The words after this beginning, in code spans and in blocks of shell commands.
fn commands(beginning: &str) -> Vec<(String, Vec<String>)> {
    let mut commands = Vec::new();
    for document in documents() {
        let text = read(&document);
        let lines = blocks(&text).into_iter().filter(|(language, _)| *language == "sh");
        let lines = lines.flat_map(|(_, block)| block.lines()).map(str::to_owned);
        for line in lines.chain(code_spans(&text)) {
            let Some((_, words)) = line.split_once(beginning) else { continue };
            let words = words.split('#').next().unwrap().split_whitespace().map(str::to_owned);
            // `--` is followed by the arguments of the program itself.
            commands.push((document.clone(), words.take_while(|word| word != "--").collect()));
        }
    }
    assert!(!commands.is_empty());
    commands
}
