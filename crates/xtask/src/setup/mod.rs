//! Installs the programs that tests and measurements need.

mod manager;
mod services;
mod valkey;

use std::process::Command;

use self::manager::{Manager, Privilege};
use self::services::HeldServices;
pub(crate) use self::valkey::program as newest_server;
use crate::failure::Failure;
use crate::instructions;
use crate::programs;
use crate::step::Step;

/// Installs what is missing, and announces it first.
pub(crate) fn run() -> Result<(), Failure> {
    add_toolchain_components()?;
    add_programs()?;
    valkey::download_missing()?;
    println!("xtask: everything that tests and measurements need is installed.");
    Ok(())
}

fn add_programs() -> Result<(), Failure> {
    let missing = missing(programs::is_installed);
    if missing.is_empty() {
        return Ok(());
    }
    let (manager, privilege) = choose(&missing, programs::is_installed, is_root())?;
    install(manager, privilege, &manager.packages(&missing))?;

    let missing = self::missing(programs::is_installed);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::Message(format!("{} after the installation. {BY_HAND}", are_missing(&missing))))
    }
}

/// Adds the components of the toolchain that a minimal installation leaves out.
fn add_toolchain_components() -> Result<(), Failure> {
    for (component, command) in [("rustfmt", "cargo fmt"), ("clippy", "cargo clippy")] {
        if Step::new(&format!("{command} --version")).succeeds() {
            continue;
        }
        if !programs::is_installed("rustup") {
            return Err(Failure::Message(format!(
                "{component} is missing, and rustup is not installed. Install {component} by hand."
            )));
        }
        println!("xtask: {component} is missing. Adding it to the toolchain.");
        Step::new(&format!("rustup component add {component}")).run()?;
    }
    Ok(())
}

fn missing(is_installed: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let is_there =
        |program: &str| is_installed(program) || other_names(program).iter().any(|name| is_installed(name));
    PROGRAMS.iter().copied().filter(|program| !is_there(program)).collect()
}

/// Programs that can be used instead.
fn other_names(program: &str) -> &'static [&'static str] {
    if program == "chromium" { &BROWSERS } else { &[] }
}

/// The package manager to use, and whether it needs `sudo`.
fn choose(
    missing: &[&'static str],
    is_installed: impl Fn(&str) -> bool,
    is_root: bool,
) -> Result<(Manager, Privilege), Failure> {
    let found = Manager::ALL.into_iter().find(|manager| is_installed(manager.program()));
    let Some(manager) = found else {
        let managers = Manager::ALL.map(Manager::program).join(", ");
        return Err(Failure::Message(format!(
            "{}, and none of {managers} is installed. {BY_HAND}",
            are_missing(missing)
        )));
    };
    if is_root || !manager.needs_root() {
        return Ok((manager, Privilege::Direct));
    }
    if is_installed("sudo") {
        return Ok((manager, Privilege::Sudo));
    }
    let steps = manager.steps(&manager.packages(missing), Privilege::Direct);
    let lines: Vec<_> = steps.iter().map(ToString::to_string).collect();
    Err(Failure::Message(format!(
        "{}, and installing takes root. Run as root: {}",
        are_missing(missing),
        lines.join(" && ")
    )))
}

fn install(manager: Manager, privilege: Privilege, packages: &[&str]) -> Result<(), Failure> {
    println!(
        "xtask: tests and measurements need {}. Installing with {}.",
        packages.join(" and "),
        manager.program()
    );
    let held = HeldServices::hold(manager, packages, privilege)?;
    let installed = manager.steps(packages, privilege).iter().try_for_each(Step::run);
    held.release(installed.is_ok())?;
    installed
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn are_missing(missing: &[&str]) -> String {
    let verb = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {verb} missing", missing.join(" and "))
}

/// The programs that tests and measurements start.
const PROGRAMS: &[&str] = if instructions::IS_SUPPORTED {
    &["redis-server", "nginx", "chromium", "chromedriver", "wrk", "valgrind"]
} else {
    &["redis-server", "nginx", "chromium", "chromedriver", "wrk"]
};

/// Other browsers that chromedriver finds.
const BROWSERS: [&str; 4] = [
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const BY_HAND: &str = "Install by hand: Redis 7 or newer (or Valkey, with a `redis-server`), nginx 1.22 or newer, wrk 4, Valgrind \
                       (on Linux), and Chromium or Chrome with the chromedriver of its version.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_programs_are_installed() {
        assert_eq!(missing(|_| true), [""; 0]);
        assert_eq!(
            missing(|program| program == "nginx"),
            PROGRAMS.iter().copied().filter(|program| *program != "nginx").collect::<Vec<_>>()
        );
        assert_eq!(
            missing(|program| program == "google-chrome"),
            PROGRAMS.iter().copied().filter(|program| *program != "chromium").collect::<Vec<_>>()
        );
        assert_eq!(missing(|_| false), PROGRAMS);
    }

    #[test]
    fn the_manager_of_the_system_is_preferred_to_homebrew() {
        let choice =
            |installed: &[&str], is_root| choose(PROGRAMS, |program| installed.contains(&program), is_root);
        assert_eq!(choice(&["apt-get", "brew", "sudo"], true).unwrap(), (Manager::AptGet, Privilege::Direct));
        assert_eq!(choice(&["apk", "sudo"], false).unwrap(), (Manager::Apk, Privilege::Sudo));
        assert_eq!(choice(&["brew", "sudo"], false).unwrap(), (Manager::Brew, Privilege::Direct));
    }

    #[test]
    fn an_error_says_what_to_install() {
        let failure = |installed: &[&str]| {
            choose(&["nginx"], |program| installed.contains(&program), false).unwrap_err().to_string()
        };
        assert_eq!(
            failure(&["dnf"]),
            "nginx is missing, and installing takes root. Run as root: dnf install --assumeyes nginx"
        );
        assert!(
            failure(&[]).starts_with("nginx is missing, and none of apt-get, dnf, apk, brew is installed. "),
            "{}",
            failure(&[])
        );
    }
}
