use std::path::Path;

use super::manager::{Manager, Privilege};
use crate::failure::Failure;
use crate::step::Step;

/// Keeps services from starting while their packages are installed.
///
/// Debian starts a service as soon as it is installed, and at every boot. The tests start servers of their own, so
/// these services stay masked during the installation and disabled after it. Without systemd, as in a container,
/// Debian starts none; other package managers never do.
#[derive(Debug)]
pub(super) struct HeldServices {
    units: Vec<String>,
    privilege: Privilege,
}

impl HeldServices {
    pub(super) fn hold(manager: Manager, packages: &[&str], privilege: Privilege) -> Result<Self, Failure> {
        let mut units = Vec::new();
        if manager == Manager::AptGet && Path::new("/run/systemd/system").is_dir() {
            let services = packages.iter().filter(|package| SERVICES.contains(package));
            units = services.map(|package| format!("{package}.service")).collect();
            // An existing unit may be in use.
            units.retain(|unit| !Step::new(&format!("systemctl cat {unit}")).succeeds());
        }
        let held = Self { units, privilege };
        held.systemctl("mask")?;
        Ok(held)
    }

    pub(super) fn release(&self, installed: bool) -> Result<(), Failure> {
        self.systemctl("unmask")?;
        if installed {
            self.systemctl("disable")?;
        }
        Ok(())
    }

    fn systemctl(&self, verb: &str) -> Result<(), Failure> {
        if self.units.is_empty() {
            return Ok(());
        }
        let sudo = self.privilege.prefix();
        Step::new(&format!("{sudo}systemctl {verb} {}", self.units.join(" "))).run()
    }
}

/// Packages of Debian with a service of the same name.
const SERVICES: [&str; 2] = ["redis-server", "nginx"];
