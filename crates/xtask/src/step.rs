use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::programs;

/// One command line of a task.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    words: Vec<String>,
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    removed_variables: Vec<&'static str>,
}

impl Step {
    /// Splits the line at spaces, so no argument can contain one.
    pub(crate) fn new(line: &str) -> Self {
        let words = line.split_whitespace().map(str::to_owned).collect();
        Self { words, folder: WORKSPACE.into(), variables: Vec::new(), removed_variables: Vec::new() }
    }

    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Makes `cargo test` go on after a failed test. Other commands stay as they are.
    pub(crate) fn without_fail_fast(mut self) -> Self {
        if self.words.starts_with(&["cargo".to_owned(), "test".to_owned()]) {
            self.words.insert(2, "--no-fail-fast".to_owned());
        }
        self
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Removes a variable from the environment that the command inherits.
    pub(crate) fn without_variable(mut self, name: &'static str) -> Self {
        self.removed_variables.push(name);
        self
    }

    /// Prints the command line, runs it, and waits until it ends.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        println!("\n$ {self}");
        let status = self.command().status().map_err(|error| self.not_started(error))?;
        if status.success() { Ok(()) } else { Err(Failure::Failed { command: self.to_string(), status }) }
    }

    /// Runs the command, and returns what it writes to its standard output.
    pub(crate) fn output(&self) -> Result<String, Failure> {
        let output = self.command().output().map_err(|error| self.not_started(error))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(Failure::Failed { command: self.to_string(), status: output.status })
        }
    }

    /// Whether the command succeeds. Its output is discarded.
    pub(crate) fn succeeds(&self) -> bool {
        self.command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The command, to be started by the caller.
    pub(crate) fn command(&self) -> Command {
        let (program, arguments) = self.words.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
        // The cargo that started xtask, where several are installed.
        let cargo = (program == "cargo").then(|| std::env::var_os("CARGO")).flatten();
        let mut command = Command::new(cargo.unwrap_or_else(|| program.into()));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.variables.iter().cloned())
            .env("PATH", programs::search_path());
        // Cargo sets these for xtask. Their change would rebuild `ring` and all that depends on it.
        let inherited = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in inherited.filter(|name| PACKAGE_VARIABLES.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
        for name in &self.removed_variables {
            command.env_remove(name);
        }
        command
    }

    fn not_started(&self, error: std::io::Error) -> Failure {
        Failure::NotStarted { command: self.to_string(), error }
    }
}

/// As it is typed in a shell.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(f, "{name}='{value}' ")?;
        }
        f.write_str(&self.words.join(" "))
    }
}

/// Commands run at the top of the workspace, wherever xtask is started.
pub(crate) const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The prefixes of the variables that cargo sets for the package of a program that it runs.
const PACKAGE_VARIABLES: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_it_is_typed() {
        let step = Step::new("cargo doc  --no-deps").with_variable("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    /// Otherwise builds from xtask and from a shell would invalidate each other.
    #[test]
    fn a_command_does_not_inherit_the_variables_of_this_package() {
        let command = Step::new("cargo build").command();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert!(removed.iter().any(|(name, _)| *name == "CARGO_PKG_NAME"), "{removed:?}");
        assert!(removed.iter().all(|(name, _)| *name != "CARGO"), "{removed:?}");
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let failure = Step::new("false").run().unwrap_err().to_string();
        assert_eq!(failure, "`false` failed (exit status: 1)");
        let failure = Step::new("no-such-program").run().unwrap_err().to_string();
        assert!(failure.starts_with("`no-such-program` could not be started: "), "{failure}");
    }
}
