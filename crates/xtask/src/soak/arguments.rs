use crate::failure::Failure;
use crate::suite::{SUITES, Suite};

/// The arguments of `soak`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Arguments {
    pub(super) runs: usize,
    /// Whether two busy loops run at the same time.
    pub(super) busy: bool,
    pub(super) target: Target,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Target {
    Suites(Vec<Suite>),
    /// `cargo xtask test` in a clean clone of the last commit.
    CleanClone,
}

impl Arguments {
    pub(super) fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut arguments = Self { runs: 10, busy: false, target: Target::Suites(Vec::new()) };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--runs" => {
                    let runs = words.next().and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0);
                    arguments.runs = runs.ok_or_else(|| invalid("--runs takes a number from 1"))?;
                }
                "--busy" => arguments.busy = true,
                "clone" => arguments.target = Target::CleanClone,
                name => match &mut arguments.target {
                    Target::Suites(suites) => suites.push(Suite::named(name)?),
                    Target::CleanClone => {
                        return Err(invalid("`clone` runs all suites and cannot be combined with others"));
                    }
                },
            }
        }
        if let Target::Suites(suites) = &mut arguments.target
            && suites.is_empty()
        {
            suites.extend(SUITES.into_iter().filter(|suite| suite.starts_servers));
        }
        Ok(arguments)
    }
}

fn invalid(text: &str) -> Failure {
    Failure::Message(format!("soak: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &Arguments) -> Vec<&str> {
        match &arguments.target {
            Target::Suites(suites) => suites.iter().map(|suite| suite.name).collect(),
            Target::CleanClone => vec!["clone"],
        }
    }

    #[test]
    fn without_a_name_all_suites_that_start_servers_are_run() {
        let arguments = Arguments::parse(&[]).unwrap();
        assert_eq!((arguments.runs, arguments.busy), (10, false));
        let names = names(&arguments);
        assert!(
            names.contains(&"e2e") && names.contains(&"torture-one") && !names.contains(&"unit"),
            "{names:?}"
        );
    }

    #[test]
    fn names_and_flags_come_in_any_order() {
        let arguments = Arguments::parse(&["e2e", "--runs", "3", "redis", "--busy"]).unwrap();
        assert_eq!((arguments.runs, arguments.busy), (3, true));
        assert_eq!(names(&arguments), ["e2e", "redis"]);
        assert_eq!(names(&Arguments::parse(&["--runs", "3", "clone"]).unwrap()), ["clone"]);
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        for words in
            [&["--runs", "0"][..], &["--runs", "many"], &["--runs"], &["no-such-suite"], &["clone", "e2e"]]
        {
            assert!(Arguments::parse(words).is_err(), "{words:?}");
        }
    }
}
