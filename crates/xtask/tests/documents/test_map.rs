use std::collections::BTreeSet;

use crate::pages::{files, read};

const PAGE: &str = "docs/tests.md";

#[test]
fn every_test_that_the_map_names_exists() {
    let mut checked = 0;
    for (file, names) in rows(&read(PAGE)) {
        let code = read(&file);
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "{PAGE} names {name} in {file}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn every_promise_has_tests() {
    let text = read(PAGE);
    for number in 1..=10 {
        let section = text.split(&format!("\n### P{number} ")).nth(1).unwrap().split("\n#").next().unwrap();
        assert!(rows(section).iter().any(|(_, names)| !names.is_empty()), "P{number}");
    }
}

#[test]
fn every_fault_of_a_test_has_a_row_with_its_files() {
    let text = read(PAGE);
    let mut ids = BTreeSet::new();
    for file in files().iter().filter(|file| file.ends_with(".rs")) {
        let code = read(file);
        ids.extend(code.split("fn ").skip(1).filter_map(fault_of));
    }
    for id in ids {
        let beginning = format!("| {} | ", id.to_uppercase());
        let row = text.lines().find(|line| line.starts_with(&beginning));
        let row = row.unwrap_or_else(|| panic!("{PAGE} has no row for the fault {id}"));
        for file in links(row) {
            assert!(read(&file).contains(&format!("fn {id}_")), "{PAGE} names {file} for {id}");
        }
    }
}

/// The first part of a test's name, if it refers to the list of faults: `k5_4_a_wrong_clock` has `k5`.
fn fault_of(code: &str) -> Option<String> {
    let (first, _) = code.split('(').next()?.split_once('_')?;
    let number = first.strip_prefix(['b', 'k', 'l', 's'])?;
    let is_fault = !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit());
    is_fault.then(|| first.to_owned())
}

/// The files that lines of tables link to, and the tests that they name.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let lines = text.lines().filter(|line| line.starts_with('|'));
    let rows = lines.filter_map(|line| Some((links(line).into_iter().next()?, names(line))));
    rows.filter(|(file, _)| file.ends_with(".rs")).collect()
}

/// The files that a line links to.
fn links(line: &str) -> Vec<String> {
    let targets = line.split("](../").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// The names of functions behind the first link of a line.
fn names(line: &str) -> Vec<String> {
    let behind = line.split_once("](../").map_or("", |(_, behind)| behind);
    let spans = behind.split('`').skip(1).step_by(2).map(str::to_owned);
    spans.filter(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')).collect()
}
