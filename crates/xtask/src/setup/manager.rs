use crate::step::Step;

/// A supported package manager.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manager {
    Apk,
    AptGet,
    Brew,
    Dnf,
}

impl Manager {
    /// Homebrew comes last, because it may be installed beside the manager of the system.
    pub(super) const ALL: [Self; 4] = [Self::AptGet, Self::Dnf, Self::Apk, Self::Brew];

    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::AptGet => "apt-get",
            Self::Brew => "brew",
            Self::Dnf => "dnf",
        }
    }

    /// Homebrew does not run as root.
    pub(super) const fn needs_root(self) -> bool {
        !matches!(self, Self::Brew)
    }

    /// The packages that contain these programs.
    pub(super) fn packages(self, programs: &[&'static str]) -> Vec<&'static str> {
        programs.iter().map(|program| self.package(program)).collect()
    }

    fn package(self, program: &'static str) -> &'static str {
        match (self, program) {
            (Self::Apk | Self::Brew, "redis-server") => "redis",
            (Self::Apk, "chromedriver") => "chromium-chromedriver",
            (Self::AptGet, "chromedriver") => "chromium-driver",
            // The Chromium of Homebrew is not signed.
            (Self::Brew, "chromium") => "google-chrome",
            // By file name, because in newer Fedoras the package is Valkey.
            (Self::Dnf, "redis-server") => "/usr/bin/redis-server",
            _ => program,
        }
    }

    /// The command lines that install these packages.
    pub(super) fn steps(self, packages: &[&str], privilege: Privilege) -> Vec<Step> {
        let packages = packages.join(" ");
        let sudo = privilege.prefix();
        let lines = match self {
            Self::Apk => vec![format!("{sudo}apk add {packages}")],
            Self::AptGet => vec![
                format!("{sudo}apt-get update"),
                // Without questions, and without restarts of other services.
                format!(
                    "{sudo}env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
                     apt-get install --yes --no-install-recommends {packages}"
                ),
            ],
            Self::Brew => vec![format!("brew install {packages}")],
            Self::Dnf => vec![format!("{sudo}dnf install --assumeyes {packages}")],
        };
        lines.iter().map(|line| Step::new(line)).collect()
    }
}

/// How a package manager is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Privilege {
    /// xtask runs as root, or the manager does not need it.
    Direct,
    Sudo,
}

impl Privilege {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Sudo => "sudo ",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(manager: Manager, programs: &[&'static str]) -> Vec<String> {
        let steps = manager.steps(&manager.packages(programs), Privilege::Sudo);
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_package_manager_has_its_own_names() {
        let programs = ["redis-server", "nginx", "chromium", "chromedriver", "wrk"];
        assert_eq!(
            lines(Manager::Apk, &programs),
            ["sudo apk add redis nginx chromium chromium-chromedriver wrk"]
        );
        assert_eq!(
            lines(Manager::Brew, &programs),
            ["brew install redis nginx google-chrome chromedriver wrk"]
        );
        assert_eq!(
            lines(Manager::Dnf, &programs),
            ["sudo dnf install --assumeyes /usr/bin/redis-server nginx chromium chromedriver wrk"]
        );
        let [_, install] = lines(Manager::AptGet, &programs).try_into().unwrap();
        assert!(install.ends_with(" redis-server nginx chromium chromium-driver wrk"), "{install}");
    }

    #[test]
    fn apt_updates_its_lists_and_asks_no_questions() {
        let [update, install] = lines(Manager::AptGet, &["nginx"]).try_into().unwrap();
        assert_eq!(update, "sudo apt-get update");
        assert!(
            install.starts_with("sudo env DEBIAN_FRONTEND=noninteractive ")
                && install.contains(" --yes ")
                && install.ends_with(" nginx"),
            "{install}"
        );
    }
}
